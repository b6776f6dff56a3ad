package otelpool

import (
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// settingsOf returns the settings of a pool as attributes, without those whose label an attribute of the user has.
func settingsOf(c config, poolConfig *pgxpool.Config, baseSize int64) []attribute.KeyValue {
	settings := []attribute.KeyValue{
		attribute.Int64("base_size", baseSize),
		attribute.Int("max_conns", int(poolConfig.MaxConns)),
		attribute.Int("min_conns", int(poolConfig.MinConns)),
		attribute.Int("min_idle_conns", int(poolConfig.MinIdleConns)),
		attribute.String("max_conn_lifetime", poolConfig.MaxConnLifetime.String()),
		attribute.String("max_conn_lifetime_jitter", poolConfig.MaxConnLifetimeJitter.String()),
		attribute.String("max_conn_idle_time", poolConfig.MaxConnIdleTime.String()),
		attribute.String("health_check_period", poolConfig.HealthCheckPeriod.String()),
	}
	if cc := poolConfig.ConnConfig; cc.Host != "" {
		settings = append(settings, semconv.ServerAddress(instruments.Sanitize(cc.Host)), semconv.ServerPort(int(cc.Port)))
	}
	return slices.DeleteFunc(settings, func(kv attribute.KeyValue) bool {
		return slices.ContainsFunc(c.attributes, func(own attribute.KeyValue) bool { return labelOf(own.Key) == labelOf(kv.Key) })
	})
}
