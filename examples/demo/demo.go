package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

// The pool: a base size and as many connections more under load.
const (
	baseSize    = 5
	maxOverflow = 10
)

// demo runs until ctx ends or the time is up, and leaves nothing behind. Errors that say what the user can mend come
// first, before anything is started.
func demo(ctx context.Context, s settings, stdout, stderr io.Writer) (err error) {
	listener, err := listen(ctx, s.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	t, err := newTelemetry(ctx, stderr)
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer func() { err = errors.Join(err, db.close()) }()

	pool, inst, err := newPool(ctx, db.connString, t.provider, newLogger(stderr))
	if err != nil {
		return unlessEnded(ctx, err)
	}
	defer pool.Close()
	defer func() { err = errors.Join(err, inst.Unregister()) }()
	// Before Unregister, so that the gauges are in what is pushed last.
	defer t.shutdown()

	service, err := newService(pool, t.provider)
	if err != nil {
		return err
	}
	defer service.close()
	server := newServer(service.handler(t.page), stderr)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer stopServer(server)

	i := introduction{
		base:     baseURL(listener.Addr()),
		open:     !isLoopback(listener.Addr()),
		database: db.about,
		push:     t.about,
		duration: s.duration,
	}
	i.print(stdout)
	return showTraffic(ctx, s.duration, i.base, t, stdout, served)
}

// showTraffic drives traffic and prints what the pool makes of it, until it is time to stop.
func showTraffic(ctx context.Context, duration time.Duration, base string, t *telemetry, stdout io.Writer, served <-chan error) error {
	if duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, duration)
		defer cancel()
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, 1)
	go func() {
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			failed <- fmt.Errorf("the page is no longer served: %w", err)
			cancel()
		}
	}()

	traffic := newTraffic(base)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		watch(ctx, stdout, t.own, traffic)
		fmt.Fprintln(stdout, "Stopping (Ctrl-C stops at once) ...")
	})
	traffic.run(ctx)
	watcher.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// newPool opens the pool that is measured. A program of its own would leave the peak window, and mostly the
// logger, as they are by default.
func newPool(ctx context.Context, connString string, provider metric.MeterProvider, logger *slog.Logger) (*pgxpool.Pool, *otelpool.Instrumentation, error) {
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, nil, errConnString
	}
	sizing := otelpool.Sizing{PoolSize: baseSize, MaxOverflow: maxOverflow}
	if err := sizing.Apply(config); err != nil {
		return nil, nil, err
	}
	config.ConnConfig.RuntimeParams["application_name"] = applicationName
	return otelpool.NewWithConfig(ctx, config,
		otelpool.WithMeterProvider(provider),
		otelpool.WithPoolName("demo"),
		otelpool.WithLongHold(longHold),
		otelpool.WithPeakWindow(peakWindow),
		otelpool.WithLogger(logger),
	)
}

// unlessEnded drops an error of something that was only cut short: to be stopped while starting is no failure.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
