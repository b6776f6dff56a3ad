package main

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/otelpool"
)

// source returns where the connection string comes from.
func (s settings) source() string {
	if s.dsn != "" {
		return "-dsn"
	}
	return postgres.URLEnv
}

// poolConfig returns the pool's configuration and sizing. In the open loop there is no overflow: the size is that of
// the whole pool.
func (s settings) poolConfig(connString string) (*pgxpool.Config, otelpool.Sizing, error) {
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		// The cause is not wrapped: it may contain the password.
		return nil, otelpool.Sizing{}, errors.New(s.source() + " cannot be used: " +
			"want postgres://user:password@host:5432/database or host=... user=... dbname=..., and the files that it names must exist")
	}
	sizing, err := presets[s.preset].FromConfig(config)
	if err != nil {
		return nil, otelpool.Sizing{}, err
	}
	if sizing, err = sizing.FromEnv(); err != nil {
		return nil, otelpool.Sizing{}, err
	}
	if s.rate > 0 && strings.Contains(config.ConnString(), "pool_max_conns") { // otherwise it is pgx's default
		sizing.PoolSize, sizing.MaxOverflow = int(config.MaxConns), 0
	}
	if s.poolSize != nil {
		sizing.PoolSize = *s.poolSize
		if s.rate > 0 {
			sizing.MaxOverflow = 0
		}
	}
	if s.maxOverflow != nil {
		sizing.MaxOverflow = *s.maxOverflow
	}
	if s.rate > 0 && sizing.MaxOverflow >= 0 {
		sizing.PoolSize, sizing.MaxOverflow = sizing.PoolSize+sizing.MaxOverflow, 0
		config.MaxConns = int32(sizing.PoolSize)
		config.MinConns, config.MinIdleConns = 0, 0 // otherwise they may exceed the smaller sizes
	}
	if err := sizing.Apply(config); err != nil {
		return nil, otelpool.Sizing{}, err
	}
	config.ConnConfig.RuntimeParams["application_name"] = applicationName
	if !s.write {
		config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}
	return config, sizing, nil
}
