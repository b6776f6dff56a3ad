//go:build unix && !aix && !solaris

package postgres

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// readyMessage is what the server writes once it accepts connections.
const readyMessage = "database system is ready to accept connections"

// log keeps the end of what a program writes.
type log struct {
	ready chan struct{} // closed when readyMessage has been written

	mu   sync.Mutex
	tail []byte
	seen bool
}

const logKept = 32 << 10

func newLog() *log { return &log{ready: make(chan struct{})} }

// readFrom reads to the end of r: a server whose log is not read would come to a halt.
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
