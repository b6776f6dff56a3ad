package programs

import (
	"fmt"
	"net"
	"sync"
)

// given are the addresses that FreeAddress gave: the kernel would give one again as soon as nobody listens on it.
var given sync.Map

// FreeAddress gives a loopback address for a program to listen on, each once in a process. Nobody listens on it, but another
// process may come first. It is safe for concurrent use.
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
		if _, taken := given.LoadOrStore(address, true); !taken {
			return address, nil
		}
	}
}
