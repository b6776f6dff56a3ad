// Package testutil has helpers for the tests of many packages.
package testutil

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// NoError ends the test if err is not nil. Call it on the test's goroutine.
func NoError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Check reports err if it is not nil. Call it on any goroutine.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}

// ErrorContains reports an error that does not contain the text.
func ErrorContains(t testing.TB, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}

// Equal reports a value that is not want. Call it on any goroutine.
func Equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got\n%v\nwant\n%v", what, got, want)
	}
}

// During calls look repeatedly while do runs on another goroutine, and once more after do has ended.
func During(do, look func()) {
	done := make(chan struct{})
	go func() { defer close(done); do() }()
	defer func() { <-done }() // also if look ends the test
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		look()
	}
}

// Eventually waits up to a minute until the condition holds, and ends the test if it does not. Call it on the test's
// goroutine.
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	Within(t, time.Minute, what, condition)
}

// Within is Eventually with another limit.
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

// AwaitGarbage collects garbage until gone is closed by a cleanup.
func AwaitGarbage(t testing.TB, what string, gone <-chan struct{}) {
	t.Helper()
	Eventually(t, what+" is garbage", func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
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

// Section checks that the part of a file between two lines equals made. With update it writes the part instead.
func Section(t testing.TB, file, begin, end, made string, update bool) {
	t.Helper()
	text, err := os.ReadFile(file)
	NoError(t, err)
	before, rest, begun := strings.Cut(string(text), begin)
	section, after, ended := strings.Cut(rest, end)
	switch {
	case !begun || !ended:
		t.Fatalf("%s lacks the lines %q and %q", file, begin, end)
	case section == made:
	case update:
		NoError(t, os.WriteFile(file, []byte(before+begin+made+end+after), 0o644))
	default:
		t.Errorf("%s has\n%s\nbut its source makes (go test -update writes it)\n%s", file, section, made)
	}
}

// Made checks that the text of a file equals made. With update it writes the file instead.
func Made(t testing.TB, file, text, made string, update bool) {
	t.Helper()
	switch {
	case text == made:
	case update:
		NoError(t, os.WriteFile(file, []byte(made), 0o644))
	default:
		t.Errorf("%s is not what its source makes (go test -update writes it):\n%s", file, made)
	}
}
