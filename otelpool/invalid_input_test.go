package otelpool_test

import (
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestInvalidInputIsRefused(t *testing.T) {
	t.Parallel()
	instrument := func(opts ...otelpool.Option) func(*testing.T) error {
		return func(t *testing.T) error {
			config := parse(t, "host=localhost pool_max_conns=8")
			opts := append([]otelpool.Option{otelpool.WithMeterProvider(noop.NewMeterProvider())}, opts...)
			_, err := otelpool.Instrument(config, opts...)
			if err != nil && config.ConnConfig.Tracer != nil {
				t.Error("the configuration was changed, though there was an error")
			}
			pool, inst, newErr := otelpool.NewWithConfig(t.Context(), parse(t, "host=localhost pool_max_conns=8"), opts...)
			if (newErr == nil) != (err == nil) {
				t.Errorf("Instrument says %v, NewWithConfig %v", err, newErr)
			}
			if newErr != nil && (pool != nil || inst != nil) {
				t.Error("an error and a pool")
			}
			return err
		}
	}
	config := func(config *pgxpool.Config) func(*testing.T) error {
		return func(t *testing.T) error {
			_, err := otelpool.Instrument(config)
			_, _, newErr := otelpool.NewWithConfig(t.Context(), config)
			if newErr == nil {
				t.Error("NewWithConfig took it")
			}
			return err
		}
	}
	broken := meterProvider{meter: func() metric.Meter { return brokenMeter{} }}
	attr := func(key string) func(*testing.T) error {
		return instrument(otelpool.WithAttributes(attribute.String(key, "x")))
	}
	for _, tt := range []struct {
		name string
		do   func(*testing.T) error
		want string
	}{
		{"nil configuration", config(nil), "configuration is nil"},
		{"empty configuration", config(&pgxpool.Config{}), "not created by pgxpool.ParseConfig"},
		{"configuration by hand", config(&pgxpool.Config{ConnConfig: &pgx.ConnConfig{}, MaxConns: 4}), "not created by pgxpool.ParseConfig"},
		{"base size 0", instrument(otelpool.WithBaseSize(0)), "base size 0 is not between 1 and MaxConns (8)"},
		{"base size negative", instrument(otelpool.WithBaseSize(-1)), "base size -1 is not between 1 and MaxConns (8)"},
		{"base size above", instrument(otelpool.WithBaseSize(9)), "base size 9 is not between 1 and MaxConns (8)"},
		{"base size far above", instrument(otelpool.WithBaseSize(math.MaxInt)), strconv.Itoa(math.MaxInt) + " is not between 1 and MaxConns (8)"},
		{"empty name", instrument(otelpool.WithPoolName("")), "pool name is empty"},
		{"operation limit 0", instrument(otelpool.WithOperationLimit(0)), "operation limit 0 is not between 1 and 10000"},
		{"operation limit too large", instrument(otelpool.WithOperationLimit(10_001)), "not between 1 and 10000"},
		{"attribute of otelpool", attr("db.query.summary"), `attribute "db.query.summary" is set by otelpool`},
		{"attribute that is a label of the bridge", attr("pool"), `attribute "pool" is set by otelpool`},
		{"attribute without a key", attr(""), `attribute "" has a key without letters`},
		{"attribute of punctuation only", attr(" ."), "a key without letters"},
		{"attribute without a value", instrument(otelpool.WithAttributes(attribute.KeyValue{Key: "k"})), `attribute "k" has a value of type EMPTY: use a bool`},
		{"attribute of bytes", instrument(otelpool.WithAttributes(attribute.ByteSlice("k", []byte("x")))), `attribute "k" has a value of type BYTESLICE`},
		{"attribute that becomes a label of otelpool", attr("db_query_summary"), `attribute "db_query_summary" is set by otelpool`},
		{"attribute that becomes such a label, dots and underscores mixed", attr("db.client.connection.pool_name"), "is set by otelpool"},
		{"attribute that becomes such a label, with an empty part", attr("db..query.summary"), "is set by otelpool"},
		{"label of histograms", attr("le"), `attribute "le"`},
		{"label of quantiles", attr("quantile"), `attribute "quantile"`},
		{"label of a target, job", attr("job"), `attribute "job" is a label that Prometheus sets on every series: use another key`},
		{"label of a target, instance", attr("instance"), `attribute "instance" is a label that Prometheus sets on every series`},
		{"label of the scope", attr("otel.scope.name"), `attribute "otel.scope.name" is set by otelpool or its exporters`},
		{"two keys that become one label", instrument(otelpool.WithAttributes(attribute.String("shard.id", "1")),
			otelpool.WithAttributes(attribute.String("shard_id", "2"))), `attributes "shard.id" and "shard_id" become the same label in Prometheus, shard_id`},
		{"label of Prometheus", attr("__name__"), `attribute "__name__"`},
		{"attribute of the SDK", attr("otel.metric.overflow"), `attribute "otel.metric.overflow"`},
		{"key that is not UTF-8", attr("a\xff"), "not valid UTF-8"},
		{"value that is not UTF-8", instrument(otelpool.WithAttributes(attribute.String("k", "a\xff"))), `attribute "k" is not valid UTF-8`},
		{"values that are not UTF-8", instrument(otelpool.WithAttributes(attribute.StringSlice("k", []string{"a", "b\xff"}))), `attribute "k" is not valid UTF-8`},
		{"provider that is a nil pointer", instrument(otelpool.WithMeterProvider((*sdkmetric.MeterProvider)(nil))), "MeterProvider *metric.MeterProvider panicked"},
		{"provider that panics", instrument(otelpool.WithMeterProvider(meterProvider{meter: func() metric.Meter { panic("no") }})), "panicked: no"},
		{"provider without a meter", instrument(otelpool.WithMeterProvider(meterProvider{meter: func() metric.Meter { return nil }})), "returned no Meter"},
		{"provider whose meter is a nil pointer", instrument(otelpool.WithMeterProvider(meterProvider{meter: func() metric.Meter { return (*struct{ noop.Meter })(nil) }})), "panicked"},
		{"pool not made by pgx", func(*testing.T) error { _, err := otelpool.Register(new(pgxpool.Pool)); return err }, "pool was not created by pgxpool.New"},
		{"peak window too short", instrument(otelpool.WithPeakWindow(0)), "peak window 0s is not between 1s and 24h"},
		{"peak window too long", instrument(otelpool.WithPeakWindow(25 * time.Hour)), "is not between 1s and 24h"},
		{"threshold 0", instrument(otelpool.WithLongHold(0)), "long hold threshold 0s is not above 0"},
		{"threshold below 0", instrument(otelpool.WithLongHold(-time.Second)), "long hold threshold -1s is not above 0"},
		{"threshold without a unit", instrument(otelpool.WithLongHold(60)), "long hold threshold 60ns is below 1ms: use a duration with a unit, such as 30*time.Second"},
		{"threshold just below", instrument(otelpool.WithLongHold(time.Millisecond - 1)), "long hold threshold 999.999µs is below 1ms"},
		{"slow acquire below 0", instrument(otelpool.WithSlowAcquire(-time.Second)), "slow acquire threshold -1s is below 0: use 0 to turn it off"},
		{"slow acquire without a unit", instrument(otelpool.WithSlowAcquire(1)), "slow acquire threshold 1ns is below 1ms: use a duration with a unit"},
		{"acquire spans from 0", instrument(otelpool.WithAcquireSpans(0)), "acquire span threshold 0s is not above 0"},
		{"acquire spans from below 0", instrument(otelpool.WithAcquireSpans(-time.Second)), "acquire span threshold -1s is not above 0"},
		{"slow query 0", instrument(otelpool.WithSlowQuery(0)), "slow query threshold 0s is not above 0"},
		{"slow query without a unit", instrument(otelpool.WithSlowQuery(60)), "slow query threshold 60ns is below 1ms"},
		{"query text unknown", instrument(otelpool.WithQueryText(7)), "query text 7 is neither QueryTextSanitized nor QueryTextRaw"},
		{"query text 0", instrument(otelpool.WithQueryText(0)), "query text 0 is neither QueryTextSanitized nor QueryTextRaw"},
		{"tracer provider that is a nil pointer", instrument(otelpool.WithTracerProvider((*sdktrace.TracerProvider)(nil))), "TracerProvider *trace.TracerProvider panicked"},
		{"attribute of spans", instrument(otelpool.WithTracerProvider(nil), otelpool.WithAttributes(attribute.String("db.query.text", "mine"))),
			`attribute "db.query.text" is set by otelpool`},
		{"SQL comment 0", instrument(otelpool.WithSQLComments(0)), "unknown SQL comment 0 (valid: CommentApplication, CommentOperation, CommentTraceparent)"},
		{"SQL comment unknown", instrument(otelpool.WithSQLComments(4)), "unknown SQL comment 4 (valid: CommentApplication, CommentOperation, CommentTraceparent)"},
		{"histogram that panics", instrument(otelpool.WithMeterProvider(broken)), "panicked"},
		{"histogram that panics, with a threshold", instrument(otelpool.WithLongHold(time.Minute), otelpool.WithMeterProvider(broken)), "panicked"},
		{"server attribute beside ours", instrument(otelpool.WithServerAttributes(), otelpool.WithAttributes(attribute.String("server.address", "x"))), `attribute "server.address" is set by otelpool`},
		{"two errors", instrument(otelpool.WithPoolName(""), otelpool.WithAttributes(attribute.String("operation", "x"))), "operation"},
		{"nil pool", func(*testing.T) error { _, err := otelpool.Register(nil); return err }, "pool is nil"},
		{"nil instrumentation", func(*testing.T) error { return (*otelpool.Instrumentation)(nil).Register(nil) }, "instrumentation is nil"},
		{"malformed connection string", func(t *testing.T) error {
			_, _, err := otelpool.New(t.Context(), "postgres://u:hunter2@host:port/db")
			return err
		}, "otelpool: "},
		{"connection string with a size", func(t *testing.T) error {
			_, _, err := otelpool.New(t.Context(), "postgres://localhost/db?pool_size=20&max_overflow=10")
			return err
		}, "otelpool: connection string: max_overflow is a setting of Sizing: use Sizing.FromConfig and NewWithConfig"},
		{"MaxConns 0", func(t *testing.T) error {
			c := parse(t, "host=localhost")
			c.MaxConns = 0
			_, _, err := otelpool.NewWithConfig(t.Context(), c)
			return err
		}, "otelpool: "},
		{"instrumented twice", func(t *testing.T) error {
			c := parse(t, "host=localhost")
			if _, err := otelpool.Instrument(c); err != nil {
				t.Fatal(err)
			}
			if _, _, err := otelpool.NewWithConfig(t.Context(), c); err == nil {
				t.Error("NewWithConfig takes an instrumented configuration")
			}
			_, err := otelpool.Instrument(c)
			return err
		}, "already instrumented"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := tt.do(t)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if !strings.HasPrefix(err.Error(), "otelpool: ") {
				t.Errorf("error %q does not begin with the name of the package", err)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error %q shows the password", err)
			}
		})
	}
}

func TestOtherAttributesAreAccepted(t *testing.T) {
	t.Parallel()
	_, err := otelpool.Instrument(parse(t, "host=localhost"), otelpool.WithAttributes(
		attribute.String("server.address", "a"), // used by otelpool only with WithServerAttributes
		attribute.StringSlice("list", []string{"a", "b"}),
		attribute.Float64("f", 1.5), attribute.Bool("b", true),
		attribute.String("db.query.text", "mine"), // and this only for spans
	))
	testutil.NoError(t, err)
}

// TestAttributesOfTheCatalogueAreReserved takes each for an attribute of the user. That may name the server, where the
// option does not.
func TestAttributesOfTheCatalogueAreReserved(t *testing.T) {
	t.Parallel()
	for _, row := range catalogue.Rows() {
		for _, a := range row.Attributes {
			opts := []otelpool.Option{otelpool.WithAttributes(attribute.String(a.Key, "mine"))}
			switch a.Key {
			case catalogue.AttrNamespace, catalogue.AttrServer, catalogue.AttrPort:
				opts = append(opts, otelpool.WithServerAttributes())
			}
			if _, err := otelpool.Instrument(parse(t, "host=localhost"), opts...); err == nil {
				t.Errorf("%s: attribute %q of the user is taken", row.Name, a.Key)
			}
		}
	}
}
