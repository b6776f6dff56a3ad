package programs

import (
	"net"
	"strconv"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

// FreeAddress returns a loopback address with a port of [postgres.FreePort] for a program to listen on.
func FreeAddress() (string, error) {
	port, err := postgres.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
