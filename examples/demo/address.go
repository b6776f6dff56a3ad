package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// listen listens on the address of the page.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s is in use by another program: choose another port, such as ADDR=127.0.0.1:9500", addr)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on %s (%w): choose another address, such as ADDR=127.0.0.1:9500", addr, err)
	}
	return listener, nil
}

// baseURL returns the URL by which the demo itself reaches addr. It uses loopback for an unspecified address.
func baseURL(addr net.Addr) string {
	hostPort := addr.String()
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		hostPort = net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return "http://" + hostPort
}

// isLoopback reports whether only this machine can reach addr.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
