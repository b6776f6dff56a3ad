package hostile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// databaseEnv is the environment variable with the connection string of a child.
const databaseEnv = "OTELPOOL_HOSTILE_DATABASE"

// children are the programs that the test's executable can run as. A program that ends its process must not end the
// tests.
var children = map[string]func(instrumented bool, argument string) int{
	"crash": crash,
	"load":  underLoad,
}

// runChild is the main function of a child.
func runChild(command string) int {
	words := append(strings.Split(command, " "), "", "")
	child, known := children[words[0]]
	if !known {
		fmt.Fprintln(os.Stderr, "no such child:", words[0])
		return 99
	}
	return child(words[1] == "instrumented", words[2])
}

// newChild returns the command of a child: "crash instrumented AfterConnect".
func newChild(t testing.TB, connString string, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(words, " "), databaseEnv+"="+connString)
	return cmd
}

// childPool creates the pool of a child. A child that ends normally calls end.
func childPool(instrumented bool, change func(*pgxpool.Config)) (pool *pgxpool.Pool, end func() error, err error) {
	config, err := pgxpool.ParseConfig(os.Getenv(databaseEnv))
	if err != nil {
		return nil, nil, err
	}
	config.MaxConns = 4
	change(config)
	if !instrumented {
		pool, err := pgxpool.NewWithConfig(context.Background(), config)
		return pool, func() error { pool.Close(); return nil }, err
	}
	exporter, err := prometheus.New()
	if err != nil {
		return nil, nil, err
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	pool, inst, err := otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(provider), otelpool.WithLongHold(time.Hour))
	return pool, func() error {
		_, gatherErr := exporter.Gather()
		pool.Close()
		return errors.Join(gatherErr, inst.Unregister(), provider.Shutdown(context.Background()))
	}, err
}

// crash uses a pool with a hook that panics on a goroutine of the pool.
func crash(instrumented bool, name string) int {
	pool, _, err := childPool(instrumented, func(config *pgxpool.Config) {
		misbehave(config, hook(name), func(context.Context) { panic("mine") })
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 98
	}
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	_, _ = pool.Exec(ctx, "SELECT 1")
	pool.Reset()
	<-ctx.Done() // the panic happens on another goroutine
	return 97
}

// underLoad loads a pool until a signal arrives. With "graceful" it shuts down; otherwise it does not handle the
// signal.
func underLoad(instrumented bool, how string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if how == "graceful" {
		ctx, cancel = signal.NotifyContext(ctx, syscall.SIGTERM)
		defer cancel()
	}
	pool, end, err := childPool(instrumented, func(*pgxpool.Config) {})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 98
	}
	done := make(chan struct{})
	const callers = 16
	for range callers {
		go func() {
			for ctx.Err() == nil {
				_, _ = pool.Exec(ctx, "SELECT pg_sleep(0.001)")
			}
			done <- struct{}{}
		}()
	}
	for pool.Stat().AcquireCount() < 200 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println("under load")
	for range callers {
		<-done
	}
	if err := end(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 96
	}
	fmt.Println("ended well")
	return 0
}
