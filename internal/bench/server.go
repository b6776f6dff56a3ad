package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// server serves a page on a loopback port. It has a client for the page that keeps its connection.
type server struct {
	http   *http.Server
	addr   string
	client *http.Client
}

func serve(handler http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	s := &server{
		http:   &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute},
		addr:   listener.Addr().String(),
		client: &http.Client{Transport: &http.Transport{DisableCompression: true}},
	}
	go func() { _ = s.http.Serve(listener) }()
	return s, nil
}

func (s *server) url() string { return "http://" + s.addr }

func (s *server) close() {
	s.client.CloseIdleConnections()
	_ = s.http.Close()
}

// get fetches the page and returns its size as transferred.
func (s *server) get(accept, coding string) (size int64, err error) {
	body, err := s.open(accept, coding)
	if err != nil {
		return 0, err
	}
	size, err = io.Copy(io.Discard, body)
	return size, errors.Join(err, body.Close())
}

func (s *server) open(accept, coding string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, s.url(), nil)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("Accept-Encoding", coding)
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("get: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, errors.Join(fmt.Errorf("get: status %s", response.Status), response.Body.Close())
	}
	return response.Body, nil
}

// series counts the lines of the page that are not comments: the series that Prometheus reads from it.
func (s *server) series() (n int, err error) {
	body, err := s.open(acceptText, "identity")
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if line := lines.Bytes(); len(line) > 0 && line[0] != '#' {
			n++
		}
	}
	return n, errors.Join(lines.Err(), body.Close())
}

// sink receives pushes and keeps only their size: decoding them would cost more than pushing.
type sink struct {
	*server
	received atomic.Int64
}

func newSink() (*sink, error) {
	k := new(sink)
	s, err := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		k.received.Add(n)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	k.server = s
	return k, err
}
