package peers

import (
	"database/sql"
	"errors"
	"fmt"

	xsam "github.com/XSAM/otelsql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver that the library wraps
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

const driverName = "pgx"

// SQLMaker opens a database/sql pool.
type SQLMaker func(connString string, provider metric.MeterProvider) (*sql.DB, error)

// BareSQL opens a pool without instrumentation.
func BareSQL(connString string, _ metric.MeterProvider) (*sql.DB, error) {
	db, err := sql.Open(driverName, connString)
	if err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	return db, nil
}

// XSAM opens a pool with github.com/XSAM/otelsql.
func XSAM(connString string, provider metric.MeterProvider) (*sql.DB, error) {
	opts := []xsam.Option{
		xsam.WithAttributes(semconv.DBSystemNamePostgreSQL),
		xsam.WithMeterProvider(provider), xsam.WithTracerProvider(tracenoop.NewTracerProvider()),
	}
	db, err := xsam.Open(driverName, connString, opts...)
	if err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	if _, err := xsam.RegisterDBStatsMetrics(db, opts...); err != nil {
		return nil, errors.Join(fmt.Errorf("peers: %w", err), db.Close())
	}
	return db, nil
}
