package otelpool_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestClosingConnKeepsItsCustomData looks at the custom data of connections that the pool closes. The caller that
// released one may read them at the same time (docs/pgx-facts.md), so BeforeClose must not write to them.
func TestClosingConnKeepsItsCustomData(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pgxpool.Config){
		"instrumented": func(*pgxpool.Config) {},
		"sized": func(c *pgxpool.Config) {
			apply(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1}, c)
		},
	} {
		for _, unknown := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, unknown until closed: %v", name, unknown), func(t *testing.T) {
				t.Parallel()
				config := parse(t, database(t))
				change(config)
				tel := newTelemetry(t)
				inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider))
				if unknown {
					config.AfterConnect = nil
				}
				closed := make(chan []string, 1)
				inner := config.BeforeClose
				config.BeforeClose = func(conn *pgx.Conn) {
					data := conn.PgConn().CustomData()
					before := slices.Sorted(maps.Keys(data))
					inner(conn)
					after := slices.Sorted(maps.Keys(data))
					if !slices.Equal(before, after) {
						t.Errorf("its data had the keys %q, and now %q", before, after)
					}
					closed <- after
				}
				pool := newPool(t, config)
				register(t, inst, pool)
				acquire(t, pool).Release()
				pool.Reset()
				<-closed
				testutil.Eventually(t, "it is counted", func() bool { return tel.collect(t).value(t, "pgxpool.connections.closed{reason=other}") == 1 })
			})
		}
	}
}
