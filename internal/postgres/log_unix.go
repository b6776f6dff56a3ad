//go:build unix

package postgres

import (
	"bytes"
	"io"
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

// readFrom reads to the end of r. A server whose log is not read would block.
func (l *log) readFrom(r io.Reader) {
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		l.add(buf[:n])
		if err != nil {
			return
		}
	}
}

func (l *log) add(b []byte) {
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
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(string(l.tail))
}
