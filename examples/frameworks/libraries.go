package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/examples/frameworks/bun"
	"github.com/otelpool/otelpool-go/examples/frameworks/ent"
	"github.com/otelpool/otelpool-go/examples/frameworks/goose"
	"github.com/otelpool/otelpool-go/examples/frameworks/gorm"
	"github.com/otelpool/otelpool-go/examples/frameworks/river"
	"github.com/otelpool/otelpool-go/examples/frameworks/shop"
	"github.com/otelpool/otelpool-go/examples/frameworks/sqlc"
	"github.com/otelpool/otelpool-go/examples/frameworks/sqlx"
	"github.com/otelpool/otelpool-go/otelpool"
)

// program is what a library does here.
type program interface {
	Run(ctx context.Context) error
	Leak(ctx context.Context) (end func() error, err error)
	Close() error
}

// openFunc opens a program of type P on an instrumented pool.
type openFunc[P any] func(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (P, *otelpool.Instrumentation, error)

type library struct {
	name string
	open openFunc[program]
}

// libraries begins with goose, which creates the tables of the others.
var libraries = []library{
	{"goose", as(goose.New, func(p *goose.Program) program { return p })},
	{"sqlc", as(sqlc.New, visits)},
	{"sqlx", as(sqlx.New, visits)},
	{"gorm", as(gorm.New, visits)},
	{"ent", as(ent.New, visits)},
	{"bun", as(bun.New, visits)},
	{"river", as(river.New, func(p *river.Program) program { return p })},
}

func visits[S shop.Store](s S) program { return shop.Program{Store: s} }

func as[P any](open openFunc[P], convert func(P) program) openFunc[program] {
	return func(
		ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
	) (program, *otelpool.Instrumentation, error) {
		p, inst, err := open(ctx, config, opts...)
		if err != nil {
			return nil, nil, err
		}
		return convert(p), inst, nil
	}
}

// names lists the libraries.
func names() string {
	var all []string
	for _, l := range libraries {
		all = append(all, l.name)
	}
	return strings.Join(all, ", ")
}

// choose returns the library of a name, and all for "".
func choose(name string) ([]library, error) {
	if name == "" {
		return libraries, nil
	}
	for _, l := range libraries {
		if l.name == name {
			return []library{l}, nil
		}
	}
	return nil, fmt.Errorf("unknown library %q (valid: %s)", name, names())
}
