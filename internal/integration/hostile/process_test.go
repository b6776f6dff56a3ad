package hostile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

// The environment variables of a child, as which the test's executable then runs: what it does, such as
// "instrumented AfterConnect", and its database.
const (
	childEnv    = "OTELPOOL_HOSTILE_CHILD"
	databaseEnv = "OTELPOOL_HOSTILE_DATABASE"
)

// TestPanicOnPoolGoroutineEndsProcess compares panics of hooks that cannot be recovered, with and without
// instrumentation.
func TestPanicOnPoolGoroutineEndsProcess(t *testing.T) {
	t.Parallel()
	connString := postgrestest.Database(t)
	for _, hook := range poolHooks {
		t.Run(string(hook), func(t *testing.T) {
			t.Parallel()
			ends := map[string]string{}
			for _, how := range []string{"bare", "instrumented"} {
				child := exec.CommandContext(t.Context(), os.Args[0])
				child.Env = append(os.Environ(), childEnv+"="+how+" "+string(hook), databaseEnv+"="+connString)
				out, err := child.CombinedOutput()
				exit, ok := errors.AsType[*exec.ExitError](err)
				if !ok {
					t.Fatalf("%s: %v\n%s", how, err, out)
				}
				first, _, _ := strings.Cut(string(out), "\n")
				ends[how] = exit.String() + ", " + first
			}
			recordFigure(t, "without otelpool %q, with it %q", ends["bare"], ends["instrumented"])
			if ends["bare"] != "exit status 2, panic: mine" || ends["instrumented"] != ends["bare"] {
				t.Errorf("without otelpool %q, with it %q", ends["bare"], ends["instrumented"])
			}
		})
	}
}

// crash is the main function of a child. It uses a pool with a hook that panics on a goroutine of the pool.
func crash(command string) int {
	how, name, _ := strings.Cut(command, " ")
	config, err := pgxpool.ParseConfig(os.Getenv(databaseEnv))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 99
	}
	misbehave(config, hook(name), func(context.Context) { panic("mine") })
	var pool *pgxpool.Pool
	if how == "instrumented" {
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
