package diagnose_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// TestServerSanitizesNames uses names with control sequences, and very long ones.
func TestServerSanitizesNames(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	role := newRole(t, url, "r\x1b[2J\n\u202e")
	other := connect(t, url, "", as(role))
	hostile := "a\x1b[2J\r\n<script>" + strings.Repeat("x", 10_000)
	postgrestest.Exec(t, other, "SELECT set_config('application_name', $1, false)", hostile)
	f := setup(t, url, 1)
	s := f.ask(t)
	found := false
	for _, c := range s.Clients {
		found = found || strings.Contains(c.Application, "script")
		if shown := c.Application + c.Role; len(shown) > 500 || strings.ContainsAny(shown, "\x1b\r\n\u202e") {
			t.Errorf("%q", shown)
		}
	}
	if !found {
		t.Errorf("%+v", s.Clients)
	}
}

func TestServerIsConcurrentSafe(t *testing.T) {
	t.Parallel()
	f := setup(t, postgrestest.Database(t), 2)
	f.lock(t, "hold", 1)
	config, report := f.pool.Config().ConnConfig, f.inst.Report()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if s := ask(t, config, report); len(s.Sessions) != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
	wg.Wait()
	if report.Server != nil || config.RuntimeParams["application_name"] != "" || config.Tracer == nil {
		t.Error("Server changed what it was given")
	}
}

// hooks is a tracer that must not be called.
type hooks struct{ t *testing.T }

func (h hooks) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	h.t.Error("TraceConnectStart")
	return ctx
}
func (h hooks) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) {
	h.t.Error("TraceConnectEnd")
}
func (h hooks) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	h.t.Error("TraceQueryStart")
	return ctx
}
func (h hooks) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {
	h.t.Error("TraceQueryEnd")
}

func TestServerCallsNoHooks(t *testing.T) {
	t.Parallel()
	config := parse(t, postgrestest.Database(t))
	config.Tracer = hooks{t}
	config.AfterConnect = func(context.Context, *pgconn.PgConn) error { return errors.New("AfterConnect") }
	config.OnPgError = func(*pgconn.PgConn, *pgconn.PgError) bool { t.Error("OnPgError"); return true }
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		t.Error("BuildFrontend")
		return pgproto3.NewFrontend(r, w)
	}
	config.BuildContextWatcherHandler = func(*pgconn.PgConn) ctxwatch.Handler { t.Error("BuildContextWatcherHandler"); return nil }
	config.RuntimeParams["default_transaction_isolation"] = "serializable"
	ask(t, config, diagnose.Report{})
}

func TestServerStateMarshalsBothWays(t *testing.T) {
	t.Parallel()
	f := setup(t, postgrestest.Database(t), 3)
	f.lock(t, "hold", 1)
	f.wait(t, "checkout", 1)
	s := f.eventually(t, blocked(1))
	text, err := json.Marshal(diagnose.Report{Server: s})
	testutil.NoError(t, err)
	var back diagnose.Report
	if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(back.Server, s) {
		t.Errorf("%v: %+v, want %+v", err, back.Server, s)
	}
	text, err = json.Marshal(diagnose.Report{})
	if err != nil || strings.Contains(string(text), "server") {
		t.Errorf("%v: %s", err, text)
	}
}
