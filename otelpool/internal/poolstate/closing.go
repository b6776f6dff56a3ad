package poolstate

import (
	"slices"
	"sync"
	"time"
)

// closeLimit is slightly less than the time that pgxpool waits for a connection to close. After that it frees the slot.
const closeLimit = 15*time.Second - 100*time.Millisecond

// closing has the connections that are being closed and still take a slot. It is safe for concurrent use.
type closing struct {
	mu    sync.Mutex
	conns []closingConn
}

type closingConn struct {
	since time.Duration
	done  <-chan struct{} // closed when the connection is
}

// add adds a connection.
func (c *closing) add(now time.Duration, done <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conns = append(c.conns, closingConn{now, done})
	c.forgetClosed(now)
}

// count returns how many connections are still being closed.
func (c *closing) count(now time.Duration) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetClosed(now)
	return int64(len(c.conns))
}

// forgetClosed forgets the connections that are closed. The caller must hold the lock.
func (c *closing) forgetClosed(now time.Duration) {
	c.conns = slices.DeleteFunc(c.conns, func(conn closingConn) bool {
		select {
		case <-conn.done:
			return true
		default:
			return now-conn.since > closeLimit
		}
	})
}
