package stack

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// startOnFree starts a program with a free address in place of every empty one. If another process takes one of them
// first, it tries again with other addresses.
func startOnFree(start func() (*Process, error), addresses ...*string) (*Process, error) {
	addresses = slices.DeleteFunc(addresses, func(address *string) bool { return *address != "" })
	for {
		for _, address := range addresses {
			var err error
			if *address, err = programs.FreeAddress(); err != nil {
				return nil, err
			}
		}
		p, err := start()
		if err == nil || !slices.ContainsFunc(addresses, func(address *string) bool {
			return strings.Contains(err.Error(), *address+": bind: address already in use")
		}) {
			return p, err
		}
	}
}

// checkListen returns an error if the address cannot be listened on. The error says which variable to change.
func checkListen(ctx context.Context, what, variable, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("stack: %s: %w: set %s to another host:port of this machine, such as 127.0.0.1:9500", what, err, variable)
	}
	return listener.Close()
}

// reachable returns the address by which this machine connects to a listener on address.
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

// isLoopback reports whether only this machine can connect to a listener on address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
