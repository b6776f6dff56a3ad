package programs

import (
	"fmt"
	"net"
	"sync"
)

// returned holds the addresses that FreeAddress has returned. The kernel can pick an address again once it is free.
var returned sync.Map

// FreeAddress returns a free loopback address for a program to listen on. It returns each address once in a process,
// but another process may take the address first. It is safe for concurrent use.
func FreeAddress() (string, error) {
	for {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", fmt.Errorf("programs: find a free address: %w", err)
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			return "", fmt.Errorf("programs: find a free address: %w", err)
		}
		if _, taken := returned.LoadOrStore(address, true); !taken {
			return address, nil
		}
	}
}
