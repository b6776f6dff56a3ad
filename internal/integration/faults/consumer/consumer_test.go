package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestLoadSurvivesConsumerFaults breaks one consumer after the other. Its subtests run in sequence, because each
// compares loads.
func TestLoadSurvivesConsumerFaults(t *testing.T) {
	t.Cleanup(func() {
		if err := figures.Publish(); err != nil {
			t.Error(err)
		}
	})
	config := database(t)
	for _, p := range []struct {
		reader   otlp.Protocol
		receiver otlptest.Protocol
	}{{otlp.ProtocolGRPC, otlptest.GRPC}, {otlp.ProtocolHTTP, otlptest.HTTP}} {
		for _, e := range endpoints {
			t.Run(fmt.Sprintf("OTLP %s endpoint %s", p.receiver[:4], e.name), func(t *testing.T) {
				rig.NoLeak(t)
				compare(t, config, consumer{reader: pushing(e.at(t, p.receiver), p.reader, e.loses), loses: e.loses})
			})
		}
	}
	for _, s := range []struct {
		name    string
		disturb func(*page, *testing.T, <-chan struct{})
		slice   time.Duration
		timeout time.Duration
	}{
		{"scrapers disconnect in the middle", (*page).disconnect, sliceTime, rig.Wait},
		{"scrapers read a byte a second", (*page).readSlowly, sliceTime, writeTimeout},
		{"500 scrapers at a time", (*page).scrapeConcurrently, 6 * sliceTime, rig.Wait}, // the scrapes cost time, so the slice is longer
	} {
		t.Run(s.name, func(t *testing.T) {
			rig.NoLeak(t)
			p, control := serve(t, false, s.timeout), serve(t, true, s.timeout)
			compare(t, config, consumer{
				reader:  p.reader,
				slice:   s.slice,
				disturb: func(t *testing.T, stop <-chan struct{}) { s.disturb(p, t, stop) },
				control: func(t *testing.T, stop <-chan struct{}) { s.disturb(control, t, stop) },
				busy:    true,
				also:    func(*testing.T) string { return "scrapers got " + p.summary() },
			})
		})
	}
	t.Run("log on a full disk", func(t *testing.T) {
		rig.NoLeak(t)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		testutil.NoError(t, err)
		t.Cleanup(func() { full.Close() })
		logged(t, config, slog.NewTextHandler(full, nil), false)
	})
	t.Run("log handler takes 100 ms a line", func(t *testing.T) {
		rig.NoLeak(t)
		logged(t, config, failing{delay: 100 * time.Millisecond}, true)
	})
}

func database(t *testing.T) *pgxpool.Config {
	t.Helper()
	connString := postgrestest.Database(t)
	conn, err := pgx.Connect(t.Context(), connString)
	if err == nil {
		_, err = conn.Exec(t.Context(), rig.Schema)
		err = errors.Join(err, conn.Close(t.Context()))
	}
	testutil.NoError(t, err)
	config, err := pgxpool.ParseConfig(connString)
	testutil.NoError(t, err)
	config.MaxConns = conns
	return config
}

// logged compares a load in which nearly every hold is a long one and is logged. A slow handler is told how many
// lines it missed.
func logged(t *testing.T, config *pgxpool.Config, handler slog.Handler, misses bool) {
	t.Helper()
	counted := &counting{Handler: handler}
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return slowConn{conn}, err
	}
	compare(t, config, consumer{
		reader:  func(*testing.T) sdkmetric.Reader { return sdkmetric.NewManualReader() },
		options: []otelpool.Option{otelpool.WithLongHold(time.Millisecond), otelpool.WithLogger(slog.New(counted))},
		also: func(t *testing.T) string {
			var errs int64
			rig.Eventually(t, "every line was an error", func() bool {
				errs = counted.errs.Load() // first: a line between the two loads would count as a success
				return errs > 0 && counted.lines.Load() == errs
			})
			if misses && counted.dropped.Load() == 0 {
				t.Error("the handler keeps up, or is not told what it missed")
			}
			return fmt.Sprintf("%d lines logged, all of them errors; %d reports dropped", errs, counted.dropped.Load())
		},
	})
}

// slowConn makes each answer of the server take a millisecond more, with a consumer and without, so that each hold is a
// long one.
type slowConn struct{ net.Conn }

func (c slowConn) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return c.Conn.Read(b)
}

// counting counts the lines that a handler receives, its errors, and the lines it is told to have missed.
type counting struct {
	slog.Handler
	lines, errs, dropped atomic.Int64
}

func (h *counting) Handle(ctx context.Context, r slog.Record) error {
	h.lines.Add(1)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "reports_dropped_before" {
			h.dropped.Add(a.Value.Int64())
		}
		return true
	})
	err := h.Handler.Handle(ctx, r)
	if err != nil {
		h.errs.Add(1)
	}
	return err
}

// failing is a handler that fails after a delay.
type failing struct{ delay time.Duration }

func (failing) Enabled(context.Context, slog.Level) bool { return true }

func (f failing) Handle(context.Context, slog.Record) error {
	<-time.After(f.delay)
	return errors.New("no space left on device")
}

func (f failing) WithAttrs([]slog.Attr) slog.Handler { return f }

func (f failing) WithGroup(string) slog.Handler { return f }
