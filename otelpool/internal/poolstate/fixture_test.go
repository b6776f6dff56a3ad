package poolstate

import (
	"context"
	"testing"
	"time"
)

// clock is a clock that a test sets.
type clock struct{ now time.Duration }

func (c *clock) pass(d time.Duration) { c.now += d }

// newPool returns a pool of two connections, one of them base size, whose clock is at a second.
func newPool(change func(*Config)) (*Pool, *clock) {
	c := &clock{time.Second}
	config := Config{Now: func() time.Duration { return c.now }, MaxConns: 2, BaseSize: 1, PeakWindow: time.Minute}
	if change != nil {
		change(&config)
	}
	return New(config), c
}

// begin starts an acquire.
func begin(p *Pool, ctx context.Context) *Acquire {
	a, _ := p.Begin(ctx)
	return a
}

// hold makes an acquire that returns a new connection of the pool without waiting.
func hold(p *Pool, ctx context.Context) (*Acquire, *Conn) {
	a := begin(p, ctx)
	c := p.NewConn(Origin{})
	p.Opened(c)
	p.End(a, c, OK)
	return a, c
}

// stat returns a function that returns statistics of a pool of two.
func stat(acquired, idle int64) func() Stat {
	return func() Stat { return Stat{Acquired: acquired, Idle: idle, Max: 2} }
}

// check compares a fact about a pool with the expected value.
func check[T comparable](t *testing.T, fact string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", fact, got, want)
	}
}

// closedAlready is the done channel of a connection that is closed.
var closedAlready = func() chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}()
