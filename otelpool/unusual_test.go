package otelpool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// TestUnusualServicesAreWell runs services that are well, and unlike others, for an hour or more of a bubble, and looks at the
// findings.
func TestUnusualServicesAreWell(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		size int32
		run  func(t *testing.T, pool *pgxpool.Pool, look func())
	}{
		"a listener has the only connection": {1, func(t *testing.T, pool *pgxpool.Pool, look func()) {
			conn := acquire(t, pool)
			defer conn.Release()
			execute(t, conn, t.Context(), "LISTEN jobs")
			for range 60 { // a bubble's time stands still in WaitForNotification, which pgx does not report
				time.Sleep(time.Minute)
				look()
			}
		}},
		"listeners have a name, a batch or a comment, and read what came before": {6, func(t *testing.T, pool *pgxpool.Pool, look func()) {
			named := otelpool.WithOperation(t.Context(), "listener")
			for _, listen := range []func(conn *pgxpool.Conn){
				func(conn *pgxpool.Conn) { execute(t, conn, named, "LISTEN jobs") },
				func(conn *pgxpool.Conn) { execute(t, conn, t.Context(), "-- name: ListenForJobs :exec\nlisten jobs") },
				func(conn *pgxpool.Conn) {
					execute(t, conn, t.Context(), "LISTEN jobs")
					execute(t, conn, t.Context(), "SELECT 1")
				},
				func(conn *pgxpool.Conn) { sendBatch(t, conn, named, "LISTEN jobs", "LISTEN mail") },
			} {
				conn := acquireWith(t, pool, named)
				defer conn.Release()
				listen(conn)
			}
			for range 60 {
				time.Sleep(10 * time.Second)
				look()
			}
		}},
		"a leader has a lock for ever, and a call a minute": {4, func(t *testing.T, pool *pgxpool.Pool, look func()) {
			leader := acquire(t, pool)
			defer leader.Release()
			execute(t, leader, t.Context(), "SELECT pg_advisory_lock(1)")
			for range 60 {
				for range 6 {
					time.Sleep(10 * time.Second)
					look()
				}
				ask(t, pool, "health")
				look()
			}
		}},
		"traffic begins in the morning, and ends in the evening": {4, func(t *testing.T, pool *pgxpool.Pool, look func()) {
			for range 2 {
				for range 30 { // the night
					time.Sleep(30 * time.Second)
					ask(t, pool, "health")
					look()
				}
				for range 90 {
					for range 5 {
						time.Sleep(200 * time.Millisecond)
						ask(t, pool, "GET /")
						ask(t, pool, "POST /")
					}
					look()
				}
			}
		}},
		"a batch job in a pool that is idle": {4, func(t *testing.T, pool *pgxpool.Pool, look func()) {
			time.Sleep(2 * time.Hour)
			look()
			for range 300 {
				time.Sleep(200 * time.Millisecond)
				conn := acquireWith(t, pool, otelpool.WithOperation(t.Context(), "batch"))
				execute(t, conn, t.Context(), "SELECT 1")
				time.Sleep(700 * time.Millisecond)
				conn.Release()
				look()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := setup(t, tt.size, nil)
				start := time.Now()
				f.inst.Report()
				tt.run(t, f.pool, func() {
					for _, found := range diagnose.Findings(f.inst.Report()) {
						t.Fatalf("after %v: %v", time.Since(start), found)
					}
				})
			})
		})
	}
}

func ask(t *testing.T, pool *pgxpool.Pool, unit string) {
	t.Helper()
	execute(t, pool, otelpool.WithOperation(t.Context(), unit), "SELECT 1")
}
