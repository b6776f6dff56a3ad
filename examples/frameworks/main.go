// Command frameworks runs small programs that use PostgreSQL through goose, sqlc, sqlx, GORM, ent, bun and River. Each
// has its own instrumented pool. Their metrics are on /metrics, and the live page is /debug/pool/.
//
//	go -C examples/frameworks run . -lib gorm -leak
//
// It uses the PostgreSQL server of DATABASE_URL, in a schema of its own that it drops at the end, or else a throwaway
// server that it starts and stops.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm/logger"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/flags"
	"github.com/otelpool/otelpool-go/otelpool"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "frameworks:", err)
		os.Exit(1)
	}
}

// run runs the programs until ctx ends.
func run(ctx context.Context, args []string, stdout io.Writer) (err error) {
	set := flag.NewFlagSet("frameworks", flag.ContinueOnError)
	lib := set.String("lib", "", "the only library to run: "+names()+" (default all)")
	addr := set.String("addr", "127.0.0.1:9464", "the address of /metrics and /debug/pool/")
	leak := set.Bool("leak", false, "leave two transactions, or rows, of each library open")
	if err := flags.Parse(set, args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(stdout, "Runs small programs by "+names()+", until Ctrl-C.")
			set.SetOutput(stdout)
			set.PrintDefaults()
		}
		return err
	}
	chosen, err := choose(*lib)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	exporter, err := prometheus.New()
	if err != nil {
		return err
	}
	logger.Default = logger.Discard // GORM's writes escape sequences, even to a pipe
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))

	db, err := openDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	var insts []*otelpool.Instrumentation
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range chosen {
		// A program needs its pool while it ends, so the pool does not end with ctx.
		p, inst, err := l.open(context.WithoutCancel(ctx), db.config, otelpool.WithPoolName(l.name),
			otelpool.WithMeterProvider(provider), otelpool.WithLongHold(time.Minute))
		if err != nil {
			stop()
			return errors.Join(err, group.Wait())
		}
		insts = append(insts, inst)
		group.Go(func() error { return use(ctx, p, *leak) })
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", exporter)
	mux.Handle("/debug/pool/", poolz.Handler(insts))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	group.Go(func() error { return server.Serve(listener) })
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	fmt.Fprintf(stdout, "http://%[1]s/debug/pool/ and http://%[1]s/metrics, until Ctrl-C\n", listener.Addr())
	if err := group.Wait(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// use runs a program twice a second until ctx ends, and closes it.
func use(ctx context.Context, p program, leak bool) (err error) {
	defer func() { err = errors.Join(err, p.Close()) }()
	work := context.WithoutCancel(ctx)
	if err := p.Run(work); err != nil {
		return err
	}
	if leak {
		for range 2 {
			end, err := p.Leak(work)
			if err != nil {
				return err
			}
			defer func() { _ = end() }()
		}
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		if err := p.Run(work); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
