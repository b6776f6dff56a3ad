package postgres

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// returned holds the ports that FreePort has returned.
var returned sync.Map

// FreePort returns a free port of 127.0.0.1, below the range of outgoing connections. So a server can use the port
// again after it was down, and a client that tries to reach it cannot connect to itself. FreePort returns each port
// once in a process, but another process may take the port first. It is safe for concurrent use.
func FreePort() (int, error) {
	const lowest, highest = 15000, 32767
	last := errors.New("all were returned before")
	for range 100 {
		port := lowest + rand.IntN(highest-lowest+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			last = err
			continue
		}
		if _, again := returned.LoadOrStore(port, true); !again {
			return port, l.Close()
		}
		_ = l.Close()
	}
	return 0, fmt.Errorf("postgres: find a free port: %w", last)
}
