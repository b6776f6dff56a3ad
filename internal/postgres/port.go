package postgres

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// freePort picks a port below those that the system gives to outgoing connections: a server that is down for a while
// finds it free again, and a client that tries to reach it meanwhile cannot get connected to itself.
func freePort() (int, error) {
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
