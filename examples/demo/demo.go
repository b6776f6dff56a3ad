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

// Base size and overflow of the pool.
const (
	baseSize    = 5
	maxOverflow = 10
)

// demo runs until ctx ends or the duration is over, and cleans up. It checks what the user can correct before it starts
// anything.
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
		return ignoreAfterCancel(ctx, err)
	}
	defer func() { err = errors.Join(err, db.close()) }()

	pool, inst, err := newPool(ctx, db.connString, t.provider, newLogger(stderr))
	if err != nil {
		return ignoreAfterCancel(ctx, err)
	}
	defer pool.Close()
	defer func() { err = errors.Join(err, inst.Unregister()) }()
	// Before Unregister, so that the last push includes the gauges.
	defer t.shutdown()

	service, err := newService(pool, t.provider)
	if err != nil {
		return err
	}
	defer service.close()
	found := newFindings(inst)
	server := newServer(service.handler(t.page, found), stderr)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer stopServer(server)

	i := banner{
		base:     baseURL(listener.Addr()),
		open:     !isLoopback(listener.Addr()),
		database: db.about,
		push:     t.about,
		duration: s.duration,
	}
	i.print(stdout)
	return showTraffic(ctx, s.duration, i.base, t, found, stdout, served)
}

// showTraffic sends traffic and prints the pool's metrics until ctx ends or the duration is over.
func showTraffic(ctx context.Context, duration time.Duration, base string, t *telemetry, found *findings, stdout io.Writer, served <-chan error) error {
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
			failed <- fmt.Errorf("serve the page: %w", err)
			cancel()
		}
	}()

	traffic := newTraffic(base)
	var watcher sync.WaitGroup
	watcher.Go(func() {
		watch(ctx, stdout, t.page, traffic, found)
		fmt.Fprintln(stdout, "Stopping (Ctrl-C stops immediately) ...")
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

// newPool opens the instrumented pool. A real program would keep the default peak window, and usually the default
// logger.
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

// ignoreAfterCancel drops err if ctx has ended, because a stop during the start is not a failure.
func ignoreAfterCancel(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
