package otelpool_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

const dialFailed = "connection could not be opened"

// TestFailedDialIsCountedAndLogged has dials fail in each way. Each is counted by its type, and the first is logged.
func TestFailedDialIsCountedAndLogged(t *testing.T) {
	t.Parallel()
	asking := parse(t, postgrestest.Server(t).ConnString()) // for passwords: the server of DATABASE_URL may trust everybody
	login := func(user, password string) func(*pgxpool.Config) {
		return func(c *pgxpool.Config) {
			c.ConnConfig.Config = *asking.ConnConfig.Config.Copy()
			c.ConnConfig.User, c.ConnConfig.Password = user, password
		}
	}
	for name, tt := range map[string]struct {
		change            func(*pgxpool.Config)
		errorType, reason string
	}{
		"wrong password": {login("postgres", "wrong"), "28P01", `FATAL: password authentication failed for user "postgres" (SQLSTATE 28P01)`},
		"password that is the user's name": {login("hunter2", "hunter2"), "28P01",
			`FATAL: password authentication failed for user "xxxxx" (SQLSTATE 28P01)`},
		"no such database": {func(c *pgxpool.Config) { c.ConnConfig.Database = "nowhere" }, "3D000",
			`FATAL: database "nowhere" does not exist (SQLSTATE 3D000)`},
		"malformed setting": {func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["statement_timeout"] = "hunter2" }, "22023", "SQLSTATE 22023"},
		"refused": {func(c *pgxpool.Config) {
			c.ConnConfig.Host, c.ConnConfig.Port, c.ConnConfig.Fallbacks = "127.0.0.1", 1, nil
		}, "refused", "dial: 127.0.0.1:1: connection refused"},
		"no such socket": {func(c *pgxpool.Config) { c.ConnConfig.Host, c.ConnConfig.Fallbacks = "/nowhere", nil }, "refused",
			"dial: /nowhere/.s.PGSQL.PORT: no such file or directory"},
		"name not known": {func(c *pgxpool.Config) {
			c.ConnConfig.Host, c.ConnConfig.Fallbacks = "db.invalid", nil
			c.ConnConfig.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
		}, "dns", "lookup db.invalid: no such host"},
		"server without TLS": {func(c *pgxpool.Config) {
			c.ConnConfig.TLSConfig, c.ConnConfig.Fallbacks = &tls.Config{InsecureSkipVerify: true}, nil
		}, "tls", "server refused TLS connection"},
		"server without TLS at the second address": {func(c *pgxpool.Config) {
			c.ConnConfig.TLSConfig = &tls.Config{InsecureSkipVerify: true}
			c.ConnConfig.Fallbacks = []*pgconn.FallbackConfig{{Host: c.ConnConfig.Host, Port: c.ConnConfig.Port, TLSConfig: c.ConnConfig.TLSConfig}}
			c.ConnConfig.Host, c.ConnConfig.Port = "127.0.0.1", 1
		}, "tls", "dial: 127.0.0.1:1: connection refused; server refused TLS connection"},
		"server without TLS that breaks": {func(c *pgxpool.Config) { // by sslmode=prefer, the default, pgx goes on without TLS
			c.ConnConfig.TLSConfig = &tls.Config{InsecureSkipVerify: true}
			c.ConnConfig.Fallbacks = []*pgconn.FallbackConfig{{Host: c.ConnConfig.Host, Port: c.ConnConfig.Port}}
			c.ConnConfig.DialFunc = dialServerThatBreaks
		}, "connect", "server refused TLS connection; unexpected EOF"},
		"time-out": {func(c *pgxpool.Config) { c.ConnConfig.ConnectTimeout = time.Nanosecond }, "timeout", "timeout"},
		"DialFunc": {func(c *pgxpool.Config) {
			c.ConnConfig.DialFunc = func(context.Context, string, string) (net.Conn, error) {
				return nil, errors.New("proxy http://me:hunter2@proxy is down")
			}
		}, "connect", ""},
		"BeforeConnect": {func(c *pgxpool.Config) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return errors.New("hunter2") }
		}, "_OTHER", "the BeforeConnect hook failed"},
		"BeforeConnect that asks a host that is unknown": {func(c *pgxpool.Config) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
				return &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "hunter2", IsNotFound: true}}
			}
		}, "_OTHER", "the BeforeConnect hook failed"},
		"AfterConnect": {func(c *pgxpool.Config) {
			c.AfterConnect = func(context.Context, *pgx.Conn) error { return errors.New("hunter2") }
		}, "_OTHER", "the AfterConnect hook failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log logBuffer
			f := setup(t, 1, tt.change, log.option())
			for range 3 {
				if conn, err := f.pool.Acquire(t.Context()); err == nil {
					conn.Release()
					t.Fatal("connected")
				}
			}
			entry := log.await(t, dialFailed, 1)[0]
			checkEqual(t, "level", entry["level"], any("WARN"))
			checkEqual(t, "pool", entry["pool"], any("test"))
			checkEqual(t, "error_type", entry["error_type"], any(tt.errorType))
			reason, _ := entry["reason"].(string)
			checkEqual(t, "reason", reason, strings.ReplaceAll(tt.reason, "PORT", fmt.Sprint(f.pool.Config().ConnConfig.Port)))
			m, key := f.collect(t), "pgxpool.connections.errors{error.type="+tt.errorType+"}"
			checkEqual(t, "counted", strings.Join(m.keys("pgxpool.connections.errors"), " "), key)
			m.check(t, map[string]int64{key: 3, "pgxpool.acquires{result=error}": 3, "pgxpool.connections.opened": 0})
			checkEqual(t, "entries", len(log.entries(t, dialFailed)), 1)
			if strings.Contains(log.String(), "hunter2") {
				t.Errorf("the secret shows in %s", log.String())
			}
		})
	}
}

// dialServerThatBreaks connects to a server that offers no TLS, and that goes when a connection is to begin without.
func dialServerThatBreaks(context.Context, string, string) (net.Conn, error) {
	program, server := net.Pipe()
	go func() {
		defer server.Close()
		request := make([]byte, 8)
		if _, err := io.ReadFull(server, request); err == nil && binary.BigEndian.Uint32(request[4:]) == 80877103 {
			_, _ = server.Write([]byte("N"))
			return
		}
		_, _ = server.Read(make([]byte, 1<<10))
	}()
	return program, nil
}

func TestFailedDialIsLoggedOncePerOutage(t *testing.T) {
	t.Parallel()
	var log logBuffer
	var down atomic.Bool
	f := setup(t, 1, func(c *pgxpool.Config) {
		next := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if down.Load() {
				return nil, errNotToday
			}
			return next(ctx, network, address)
		}
	}, log.option())
	for outage := range 3 {
		down.Store(true)
		for range 4 {
			refuseAcquire(t, f.pool, t.Context(), errNotToday)
		}
		log.await(t, dialFailed, outage+1)
		down.Store(false)
		acquire(t, f.pool).Release()
		f.pool.Reset()
		settled(t, f.pool, 0)
	}
	checkEqual(t, "entries", len(log.entries(t, dialFailed)), 3)
}

// TestDialThatPoolGivesUpIsNoError closes a pool while it dials in the background, which cancels the dial.
func TestDialThatPoolGivesUpIsNoError(t *testing.T) {
	t.Parallel()
	var log logBuffer
	ended := make(chan error)
	began := make(chan struct{}, 2)
	f := setup(t, 2, func(c *pgxpool.Config) {
		var dials atomic.Int32
		c.MinConns = 2
		c.ConnConfig.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
			began <- struct{}{}
			if dials.Add(1) == 1 {
				return nil, <-ended
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}, log.option())
	<-began
	<-began
	ended <- errNotToday // the dial beside it is given up
	postgrestest.ClosePool(t, f.pool)
	log.await(t, dialFailed, 1)
	m := f.collect(t)
	checkEqual(t, "errors", strings.Join(m.keys("pgxpool.connections.errors"), " "), "pgxpool.connections.errors{error.type=connect}")
	m.check(t, map[string]int64{"pgxpool.connections.errors{error.type=connect}": 1})
}
