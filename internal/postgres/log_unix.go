//go:build unix

package postgres

import (
	"bytes"
	"strings"
	"sync"
)

// readyMessage is the line that the server writes when it accepts connections.
const readyMessage = "database system is ready to accept connections"

// log keeps the end of a program's output.
type log struct {
	ready chan struct{} // closed when readyMessage has been written

	mu   sync.Mutex
	tail []byte
	seen bool
}

const logKept = 32 << 10

func newLog() *log { return &log{ready: make(chan struct{})} }

// Write implements io.Writer.
func (l *log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, b...)
	if !l.seen && bytes.Contains(l.tail, []byte(readyMessage)) {
		l.seen = true
		close(l.ready)
	}
	if extra := len(l.tail) - logKept; extra > 0 {
		l.tail = append(l.tail[:0], l.tail[extra:]...)
	}
	return len(b), nil
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.tail))
}
