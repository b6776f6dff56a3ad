//go:build unix

package postgres

import (
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestStopLeavesNoProcessAndNoDirectory(t *testing.T) {
	t.Parallel()
	s, err := Start(t.Context())
	testutil.NoError(t, err)
	conn := connect(t, s.ConnString())
	testutil.Equal(t, "SELECT 42", query[int](t, conn, "SELECT 42"), 42)
	pids := s.pids(t)
	testutil.NoError(t, s.Stop())
	checkEnded(t, pids)
	if _, err := os.Lstat(s.dir); !os.IsNotExist(err) {
		t.Errorf("%s outlived Stop: %v", s.dir, err)
	}
	if left := processesNaming(t, s.dir); len(left) > 0 {
		t.Errorf("outlived Stop: %v", left)
	}
}

func TestStopAgainDoesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { testutil.Check(t, s.Stop()) })
	}
	wg.Wait()
	if err := s.Crash(); !errors.Is(err, errStopped) {
		t.Errorf("Crash after Stop: %v", err)
	}
	if err := s.Restart(t.Context()); !errors.Is(err, errStopped) {
		t.Errorf("Restart after Stop: %v", err)
	}
}

func TestStopDoesNotWaitForClients(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	conn := connect(t, s.ConnString())
	failed := make(chan error, 1)
	go func() {
		_, err := conn.Exec(context.Background(), "SELECT pg_sleep(3600)")
		failed <- err
	}()
	watch := connect(t, s.ConnString())
	testutil.Eventually(t, "the query has started", func() bool {
		return query[int](t, watch, "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'") > 0
	})
	testutil.NoError(t, s.Stop())
	select {
	case err := <-failed:
		if err == nil {
			t.Error("the query was not interrupted")
		}
	case <-time.After(10 * time.Second):
		t.Error("the query still runs")
	}
}

func TestServerRequiresPassword(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	u, err := url.Parse(s.ConnString())
	testutil.NoError(t, err)
	u.User = url.UserPassword("postgres", "guess")
	if conn, err := pgx.Connect(t.Context(), u.String()); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the server accepts any password")
	}
	info, err := os.Stat(s.dir)
	testutil.NoError(t, err)
	testutil.Equal(t, "mode of the socket's folder", info.Mode().Perm(), 0o700)
}

func TestServerListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	addresses, err := net.InterfaceAddrs()
	testutil.NoError(t, err)
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), strconv.Itoa(s.Port())), time.Second)
		if err == nil {
			_ = conn.Close()
			t.Errorf("the server listens on %s", ip)
		}
	}
}

func TestCtrlCSparesServerAndWatchdog(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	named := processesNaming(t, s.dir)
	if len(named) < 2 {
		t.Fatalf("got only the processes %v", named)
	}
	for _, p := range named {
		pid, err := strconv.Atoi(strings.Fields(p)[0])
		testutil.NoError(t, err)
		if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
			t.Errorf("%s is in the process group of this process (%v)", p, err)
		}
	}
}
