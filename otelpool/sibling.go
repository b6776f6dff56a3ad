package otelpool

import (
	"database/sql"
	"log/slog"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool/internal/sibling"
	"github.com/otelpool/otelpool-go/otelpool/internal/tracerchain"
)

func init() {
	sibling.Warn = func(pool *pgxpool.Pool, message, advice string) {
		poolConfig := pool.Config()
		log, name := new(logQueue), defaultPoolName(poolConfig.ConnConfig)
		if h, ok := tracerchain.Find[*hooks](poolConfig.ConnConfig.Tracer); ok {
			log, name = &h.reports.log, h.reports.pool
		}
		log.warn(message, slog.String("pool", name), slog.String("advice", advice))
	}
	sibling.InstrumentConn = func(config *pgx.ConnConfig, opts any) (any, error) { return instrumentConn(config, opts.([]Option)) }
	sibling.RegisterDB = func(db *sql.DB, opts any) (any, error) { return registerDB(db, opts.([]Option)) }
	sibling.RegisterWith = func(inst any, db *sql.DB) error { return inst.(*Instrumentation).registerDB(db) }
}
