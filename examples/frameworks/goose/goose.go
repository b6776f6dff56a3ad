// Package goose migrates the database of the shop with goose.
package goose

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Program migrates the database.
type Program struct {
	db       *sql.DB
	provider *goose.Provider
}

// New returns a program whose migrations go through an instrumented pool.
func New(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (*Program, *otelpool.Instrumentation, error) {
	db, inst, err := sqldb.OpenWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return &Program{db, provider}, inst, nil
}

// Run applies the migrations that the database does not have.
func (p *Program) Run(ctx context.Context) error {
	_, err := p.provider.Up(otelpool.WithScope(ctx, "migrate"))
	return err
}

// Close closes the pool.
func (p *Program) Close() error { return p.db.Close() }

// Leak runs a migration in Go that forgets its transaction. goose holds a connection while migrations run, and this one
// takes a second.
func (p *Program) Leak(ctx context.Context) (end func() error, err error) {
	check := goose.NewGoMigration(3, &goose.GoFunc{RunDB: func(ctx context.Context, db *sql.DB) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		end = tx.Rollback
		_, err = tx.ExecContext(ctx, "SELECT count(*) FROM users")
		return err
	}}, nil)
	provider, err := goose.NewProvider(goose.DialectPostgres, p.db, nil,
		goose.WithGoMigrations(check), goose.WithDisableVersioning(true))
	if err != nil {
		return nil, err
	}
	_, err = provider.Up(otelpool.WithScope(ctx, "migrate"))
	return end, err
}
