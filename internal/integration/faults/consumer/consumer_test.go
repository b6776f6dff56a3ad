package consumer_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestLoadSurvivesConsumerFaults breaks one consumer after the other. Its subtests run in sequence, because each
// compares loads.
func TestLoadSurvivesConsumerFaults(t *testing.T) {
	figures.Publish(t)
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
