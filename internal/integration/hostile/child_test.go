package hostile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

// databaseEnv is the environment variable with the connection string of a child.
const databaseEnv = "OTELPOOL_HOSTILE_DATABASE"

// runChild is the main function of a child: "instrumented AfterConnect".
func runChild(command string) int {
	kind, hook, _ := strings.Cut(command, " ")
	return crash(kind == "instrumented", hook)
}

// newChild returns the command of a child.
func newChild(t testing.TB, connString string, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+strings.Join(words, " "), databaseEnv+"="+connString)
	return cmd
}

// crash uses a pool with a hook that panics on a goroutine of the pool. It ends its process, which must not be that of the
// tests.
func crash(instrumented bool, name string) int {
	config, err := pgxpool.ParseConfig(os.Getenv(databaseEnv))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	misbehave(config, hook(name), func(context.Context) { panic("mine") })
	var pool *pgxpool.Pool
	if instrumented {
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		pool, _, err = otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(provider), otelpool.WithLongHold(time.Hour))
	} else {
		pool, err = pgxpool.NewWithConfig(context.Background(), config)
	}
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
