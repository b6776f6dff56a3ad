package postgres

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreePort returns a free port below the range of outgoing connections. A server that is down for a while can then
// use the port again, and a client that tries to reach it cannot connect to itself.
func FreePort() (int, error) {
	const lowest, highest = 15000, 32767
	var last error
	for range 100 {
		port := lowest + rand.IntN(highest-lowest+1)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			return port, l.Close()
		}
		last = err
	}
	return 0, fmt.Errorf("postgres: find a free port: %w", last)
}
