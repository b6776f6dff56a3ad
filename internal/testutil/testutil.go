// Package testutil has what the tests of many packages need.
package testutil

import (
	"bytes"
	"sync"
	"testing"
	"time"
)

// Eventually waits until the condition holds, up to a minute. It ends the test if it does not. Call it on the test's goroutine.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	Within(t, time.Minute, what, condition)
}

// Within is Eventually with another limit, for what takes long by itself.
func Within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}

// Buffer keeps what is written to it, such as a log. It is safe for concurrent use.
type Buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
