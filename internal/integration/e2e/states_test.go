package e2e_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

// The number of scrapes in an hour, plus one, so that a range of an hour contains nothing earlier.
const hour = 241

// timeline takes a pool through the states of the expressions while a Prometheus scrapes it.
type timeline struct {
	*service
	*prom
	held []*pgxpool.Conn
}

// walk calls visit in each state, in chronological order.
func (h *timeline) walk(t *testing.T, visit func(*testing.T, state)) {
	h.scrapes(t, h.service, 20)
	visit(t, fresh)
	h.toBase(t)
	visit(t, atBase)
	h.toBusy(t)
	visit(t, busy)
	leave := h.toFull(t)
	visit(t, full)
	leave()
	h.toSpent(t)
	visit(t, spent)
}

// toBaseQueries is the number of queries of toBase.
const toBaseQueries = 8

// toBase uses exactly the pool's base size, and runs a query between two scrapes.
func (h *timeline) toBase(t *testing.T) {
	t.Helper()
	h.users(t)
	for range toBaseQueries {
		h.held = postgrestest.Hold(t, h.pool, baseSize-1)
		postgrestest.ExecContext(otelpool.WithOperation(t.Context(), "get_user_with_roles"), t, h.pool, "SELECT 1 FROM users")
		h.held = append(h.held, postgrestest.Hold(t, h.pool, 1)...)
		h.scrape(t, h.service, text)
		postgrestest.Release(h.held)
	}
	h.held = postgrestest.Hold(t, h.pool, baseSize)
	h.scrape(t, h.service, text)
}

// toBusy runs an hour of load from more callers than connections, and checks each scrape and the counts in Prometheus.
// It then does every kind of work once more, and takes long holds.
func (h *timeline) toBusy(t *testing.T) {
	t.Helper()
	postgrestest.Release(h.held)
	l := h.start(t, 40, 100*time.Millisecond)
	var full, queued bool
	for i := range hour {
		read := h.scrape(t, h.service, []string{text, openMetrics, protobuf}[i%3])
		checkIdentities(t, read)
		full = full || read.gauge(t, "db_pool_checked_out") == maxConns
		queued = queued || read.gauge(t, "db_pool_pending") > 0
	}
	if !full || !queued {
		t.Errorf("the load did not fill the pool: full %t, queued %t", full, queued)
	}
	sent := l.end(t)
	sent.add(h.once(t))
	sent[operation{name: "migrate"}] = 2
	sent[operation{name: "get_user_with_roles"}] += toBaseQueries
	postgrestest.AwaitRest(t, h.pool)
	checkIdentities(t, h.scrape(t, h.service, text))
	checkSent(t, h.prom, sent)
	h.held = postgrestest.Hold(t, h.pool, maxConns-1)
	h.scrape(t, h.service, text)
}

// toFull acquires the last connection, which others wait for until leave is called.
func (h *timeline) toFull(t *testing.T) (leave func()) {
	t.Helper()
	h.held = append(h.held, postgrestest.Hold(t, h.pool, 1)...)
	leave = h.crowd(t)
	h.scrape(t, h.service, text)
	return leave
}

// toSpent leaves the pool unused for an hour.
func (h *timeline) toSpent(t *testing.T) {
	t.Helper()
	postgrestest.Release(h.held)
	postgrestest.AwaitRest(t, h.pool)
	h.scrapes(t, h.service, hour)
}
