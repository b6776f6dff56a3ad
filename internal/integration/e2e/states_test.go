package e2e_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

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

// toBase uses exactly the pool's base size, and runs a query between two scrapes.
func (h *timeline) toBase(t *testing.T) {
	t.Helper()
	h.users(t)
	for range 8 {
		h.held = h.hold(t, baseSize-1)
		if _, err := h.pool.Exec(otelpool.WithOperation(t.Context(), "get_user_with_roles"), "SELECT 1 FROM users"); err != nil {
			t.Fatal(err)
		}
		h.held = append(h.held, h.hold(t, 1)...)
		h.scrape(t, h.service, text)
		release(h.held)
	}
	h.held = h.hold(t, baseSize)
	h.scrape(t, h.service, text)
}

// toBusy runs an hour of load from more callers than connections. It then does every kind of work once more, and
// takes long holds.
func (h *timeline) toBusy(t *testing.T) {
	t.Helper()
	release(h.held)
	l := h.start(t, 40, 100*time.Millisecond)
	h.scrapes(t, h.service, hour)
	l.end(t)
	h.once(t)
	h.rest(t)
	h.scrape(t, h.service, text)
	h.held = h.hold(t, maxConns-1)
	h.scrape(t, h.service, text)
}

// toFull acquires the last connection, which others wait for until leave is called.
func (h *timeline) toFull(t *testing.T) (leave func()) {
	t.Helper()
	h.held = append(h.held, h.hold(t, 1)...)
	leave = h.crowd(t)
	h.scrape(t, h.service, text)
	return leave
}

// toSpent leaves the pool unused for an hour.
func (h *timeline) toSpent(t *testing.T) {
	t.Helper()
	release(h.held)
	h.rest(t)
	h.scrapes(t, h.service, hour)
}
