package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// freeAddress gives a loopback address with a port that nobody has.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("stack: a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// fill gives every address that is not set a free one.
func fill(addresses ...*string) error {
	for _, address := range addresses {
		if *address != "" {
			continue
		}
		var err error
		if *address, err = freeAddress(); err != nil {
			return err
		}
	}
	return nil
}

// canListen tells why an address cannot be listened on, in words that say which variable to change.
func canListen(ctx context.Context, what, variable, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("stack: %s: %s is in use by another program: stop that, or choose another address, such as %s=127.0.0.1:%d",
			what, address, variable, 1+portOf(address))
	case err != nil:
		return fmt.Errorf("stack: %s cannot listen on %s (%w): set %s to host:port of this machine, such as 127.0.0.1:9500",
			what, address, err, variable)
	}
	return listener.Close()
}

// portOf gives the port of an address, 9500 where it has none that is a number.
func portOf(address string) int {
	addr, err := net.ResolveTCPAddr("tcp", address)
	if err != nil || addr.Port == 0 {
		return 9500
	}
	return addr.Port
}

// reachable gives the address at which this machine reaches what listens on address.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// isLoopback tells whether only this machine can reach what listens on address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
