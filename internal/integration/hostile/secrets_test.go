package hostile

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// mark is a part of every secret in these tests: the password, literals, arguments, comments and the token of a
// header.
const mark = "Zq7Secret"

func serverWithSecret(t *testing.T) (connString string) {
	t.Helper()
	server := postgrestest.Server(t)
	admin, err := pgx.Connect(t.Context(), server.ConnString())
	testutil.NoError(t, err)
	defer admin.Close(t.Context())
	postgrestest.Exec(t, admin, "CREATE ROLE keeper SUPERUSER LOGIN PASSWORD '"+secret+"'")
	return "postgres://keeper:" + secret + "@127.0.0.1:" + strconv.Itoa(server.Port()) + "/postgres?sslmode=disable"
}

// TestNoSecretShowsOnAnySurface uses every feature with secrets in every possible place, and searches all output. It
// is not parallel, because it sets OpenTelemetry's global error handler, the default logger and the environment.
func TestNoSecretShowsOnAnySurface(t *testing.T) {
	connString := serverWithSecret(t)
	rig.NoLeak(t)
	s := newSurfaces()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { s.add("OpenTelemetry's error handler", err) }))
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(s.writer("default log"), nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20Token"+mark)

	receivers := []*otlptest.Receiver{otlptest.New(t, otlptest.HTTP), otlptest.New(t, otlptest.GRPC)}
	exporter, err := prometheus.New(prometheus.WithOpenTelemetryNames(), prometheus.WithErrorHandler(otel.ErrorHandlerFunc(func(err error) { s.add("bridge's errors", err) })))
	testutil.NoError(t, err)
	manual := sdkmetric.NewManualReader()
	options := []sdkmetric.Option{sdkmetric.WithReader(exporter), sdkmetric.WithReader(manual)}
	for _, endpoint := range []struct {
		protocol otlp.Protocol
		url      string
		timeout  time.Duration
	}{
		{otlp.ProtocolHTTP, receivers[0].Endpoint(), waitLimit}, {otlp.ProtocolGRPC, receivers[1].Endpoint(), waitLimit},
		{otlp.ProtocolHTTP, "http://127.0.0.1:1", time.Second}, {otlp.ProtocolGRPC, "http://127.0.0.1:1", time.Second},
	} {
		reader, err := otlp.NewReader(t.Context(), otlp.WithProtocol(endpoint.protocol), otlp.WithEndpointURL(endpoint.url),
			otlp.WithTimeout(endpoint.timeout), otlp.WithExportTimeout(endpoint.timeout))
		testutil.NoError(t, err)
		options = append(options, sdkmetric.WithReader(reader))
	}
	provider := sdkmetric.NewMeterProvider(options...)

	useEverything(t, s, provider, connString, func(when string) { look(t, s, when, exporter, manual, provider, receivers) })
	constructWithBadInput(t, s, connString)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s.add("shutdown's error", provider.Shutdown(ctx)) // two endpoints are unreachable
	for i, receiver := range receivers {
		s.add(fmt.Sprint("OTLP ", i, " after all"), fmt.Sprint(receiver.Metrics()))
		if sent := fmt.Sprint(receiver.Requests()); !strings.Contains(sent, "Token"+mark) {
			t.Errorf("the token was never sent, so the test proves nothing: %s", sent)
		}
	}
	s.check(t, expected())
}

// useEverything uses pools created in every way, and calls look before and after they end.
func useEverything(t *testing.T, s *surfaces, provider *sdkmetric.MeterProvider, connString string, look func(when string)) {
	t.Helper()
	spans := tracetest.NewSpanRecorder()
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	tracer := tracing.Tracer("program")
	logger := slog.New(slog.NewJSONHandler(s.writer("log"), nil))
	common := []otelpool.Option{
		otelpool.WithMeterProvider(provider), otelpool.WithServerAttributes(), otelpool.WithReturnedRows(), otelpool.WithLongHold(time.Millisecond),
		otelpool.WithTracerProvider(tracing), otelpool.WithRootSpans(), otelpool.WithAcquireSpans(time.Microsecond), otelpool.WithSlowQuery(time.Millisecond),
		otelpool.WithQueryText(otelpool.QueryTextSanitized),
		otelpool.WithQueryParameters(func(_, _ string, value any) (string, bool) { return fmt.Sprint(value), false }),
	}
	sized := parse(t, connString)
	testutil.NoError(t, (otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, PrePing: true, Recycle: time.Hour, Timeout: 50 * time.Millisecond}).Apply(sized))
	withTracer := parse(t, connString)
	withTracer.ConnConfig.Tracer = &badTracer{}
	withTracer.ConnConfig.RuntimeParams["application_name"] = "Application" + mark
	registered, err := pgxpool.New(t.Context(), connString)
	testutil.NoError(t, err)
	var pools []*pgxpool.Pool
	var insts []*otelpool.Instrumentation
	keep := func(pool *pgxpool.Pool, inst *otelpool.Instrumentation, err error) {
		t.Helper()
		testutil.NoError(t, err)
		pools, insts = append(pools, pool), append(insts, inst)
	}
	keep(otelpool.New(t.Context(), connString, append(common, otelpool.WithLogger(logger))...))
	keep(otelpool.NewWithConfig(t.Context(), sized, append(common, otelpool.WithPoolName("sized"), otelpool.WithLogger(logger))...))
	keep(otelpool.NewWithConfig(t.Context(), withTracer, append(common, otelpool.WithPoolName("traced"))...)) // logs by default
	inst, err := otelpool.Register(registered, otelpool.WithMeterProvider(provider), otelpool.WithPoolName("registered"))
	keep(registered, inst, err)
	for i, pool := range pools {
		ctx, span := tracer.Start(otelpool.WithScope(deadline(t), ""), "request")
		misuse(ctx, s, pool, insts[i])
		span.End()
	}
	look(" of pools in use")
	for i, pool := range pools {
		postgrestest.ClosePool(t, pool)
		testutil.Check(t, insts[i].Unregister())
	}
	look(" after them")
	for _, span := range spans.Ended() {
		s.add("spans", fmt.Sprint(span.Name(), span.Attributes(), span.Events(), span.Status(), span.Links()))
	}
}

// statements contain a secret in a literal, a comment, a name, or their error.
var statements = []string{
	"SELECT 'Literal" + mark + "'", "SELECT $tag$Literal" + mark + "$tag$", `SELECT E'it\'s Literal` + mark + `'`, "SELECT 1 -- Comment" + mark,
	"/* Comment" + mark + " */ SELECT 1", "SELECT 'Literal" + mark, "SELECT 'Literal" + mark + "'::int", "SET application_name = 'Literal" + mark + "'",
	"DO $$ BEGIN RAISE EXCEPTION 'Literal" + mark + "' USING ERRCODE = 'P0001'; END $$", "ALTER ROLE keeper PASSWORD '" + secret + "'",
	"NOTIFY c, 'Literal" + mark + "'", "COMMENT ON ROLE keeper IS 'Literal" + mark + "'", "PREPARE p AS SELECT 'Literal" + mark + "'", "EXECUTE p('Literal" + mark + "')",
	"SELECT U&'Literal" + mark + "'", "SELECT B'Literal" + mark + "'", "VALUES ('Literal" + mark + "')", "CALL p('Literal" + mark + "')", "LISTEN c; SELECT 'Literal" + mark + "'",
}

func misuse(ctx context.Context, s *surfaces, pool *pgxpool.Pool, inst *otelpool.Instrumentation) {
	for _, sql := range statements {
		_, _ = pool.Exec(ctx, sql)
		_, _ = pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		var batch pgx.Batch
		batch.Queue(sql)
		batch.Queue("SELECT $1::text", "Argument"+mark)
		_ = pool.SendBatch(ctx, &batch).Close()
	}
	_, _ = pool.Exec(ctx, "SELECT $1::int", "Argument"+mark)
	_, _ = pool.Exec(ctx, "SELECT @a::text", pgx.NamedArgs{"a": "Argument" + mark})
	_, _ = pool.CopyFrom(ctx, pgx.Identifier{"pg_class"}, []string{"oid"}, pgx.CopyFromRows([][]any{{"Argument" + mark}}))
	// A long hold with nested acquires until the pool is empty, which ends within a transaction.
	conn, err := pool.Acquire(otelpool.WithOperation(ctx, "mine"))
	if err != nil {
		s.add("errors of acquires", err)
		return
	}
	_, _ = conn.Exec(ctx, "BEGIN")
	_, _ = conn.Exec(ctx, "SELECT pg_sleep(0.05), 'Literal"+mark+"'")
	s.add("holds", fmt.Sprintf("%+v", inst.Held()))
	for _, path := range []string{"/", "/report.json", "/history.json", "/report.txt"} {
		s.add("live page "+path, poolzBody(path, inst))
	}
	var more []*pgxpool.Conn
	for range int(pool.Stat().MaxConns()) {
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		another, err := pool.Acquire(short)
		cancel()
		if err != nil {
			s.add("errors of acquires", err)
			break
		}
		more = append(more, another)
	}
	for _, another := range more {
		_, _ = another.Query(ctx, "SELECT generate_series(1, 3), 'Literal"+mark+"'") // released while busy
		another.Release()
	}
	conn.Release()
}

// constructWithBadInput collects the errors of constructors.
func constructWithBadInput(t *testing.T, s *surfaces, connString string) {
	t.Helper()
	add := func(_, _ any, err error) { s.add("constructors' errors", err) }
	for _, bad := range []string{
		strings.Replace(connString, "127.0.0.1:", "127.0.0.1:x", 1), connString + "&sslmode=" + mark, connString + "&pool_max_conns=" + mark,
		"host=127.0.0.1 password=" + secret + " port=x", "password='" + secret, secret, "postgres://u:" + secret + "%zz@h/d", connString + "&sslrootcert=/" + mark + "&sslmode=verify-full",
	} {
		pool, inst, err := otelpool.New(t.Context(), bad)
		add(pool, inst, err)
		if err == nil {
			pool.Close()
			_ = inst.Unregister()
		}
	}
	config := parse(t, connString)
	config.MaxConns = 0
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config)
	add(pool, inst, err)
	config = parse(t, connString)
	for _, sizing := range []otelpool.Sizing{{}, {PoolSize: -1}, {PoolSize: 1, MaxOverflow: math.MaxInt}, {PoolSize: 1}, {PoolSize: 1}} {
		add(nil, nil, sizing.Apply(config))
	}
	_, err = otelpool.Instrument(config, otelpool.WithBaseSize(99), otelpool.WithPoolName(""))
	add(nil, nil, err)
	unused, err := otelpool.Instrument(parse(t, connString)) // printing one in use would be a race
	add(nil, nil, err)
	s.add("instrumentation", fmt.Sprintf("%v %+v %#v", unused, unused, unused))
	for _, endpoint := range []string{"http://user:" + secret + "@h:1", "http://h:1/%zz" + secret, "ftp://" + secret, secret} {
		_, err := otlp.NewReader(t.Context(), otlp.WithEndpointURL(endpoint))
		add(nil, nil, err)
	}
	_, err = otlp.NewReader(t.Context(), otlp.WithHeaders(map[string]string{"authorization": "Bearer\n" + secret, "bad name " + secret: "x"}))
	add(nil, nil, err)
	badURL := strings.Join([]string{"http://u:", secret, "@h:1/%zz"}, "")
	if _, err := url.Parse(badURL); err == nil {
		t.Error("the address was accepted")
	}
	for _, header := range []string{"authorization: Bearer Token" + mark, "authorization=Bearer%zzToken" + mark, "a=b,Token" + mark} {
		t.Run("headers", func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", header)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", badURL)
			_, err := otlp.NewReader(t.Context())
			add(nil, nil, err)
		})
	}
}
