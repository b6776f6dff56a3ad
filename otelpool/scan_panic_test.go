package otelpool_test

import (
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// panicsOnScan is a sql.Scanner that panics.
type panicsOnScan struct{}

func (panicsOnScan) Scan(any) error { panic("mine") }

// TestPanickingScanIsReleasedBusy has the Scan of a row panic: pgx does not end the query, but pgxpool releases its connection.
func TestPanickingScanIsReleasedBusy(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, log.option())
	if recovering(func() { _ = f.pool.QueryRow(t.Context(), "SELECT 1").Scan(new(panicsOnScan)) }) == nil {
		t.Fatal("no panic")
	}
	testutil.Eventually(t, "it is closed", func() bool { return f.pool.Stat().TotalConns() == 0 })
	m := f.collect(t)
	m.check(t, map[string]int64{"pgxpool.connections.closed{reason=busy}": 1, "pgxpool.acquires{result=ok}": 1, pendingRequests: 0})
	m.checkCounts(t, map[string]uint64{waitTime: 1, useTime + "{db.query.summary=SELECT}": 1, "db.client.connection.create_time": 1})
	log.await(t, "connection released busy, rows or a batch not closed: pgx closes it", 1)
	checkEqual(t, "holds", len(f.inst.Held()), 0)
}
