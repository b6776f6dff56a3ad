package poolz_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// hostile is a name that is harmful if not escaped. Operations are cut after 255 bytes, names of pools are not.
var hostile = "<script>alert(1)</script>\"'`{{.}}\x1b[2J\r\n\u202e\u2066\u0085\x00" + strings.Repeat("x", 10_000)

func newProvider() *sdkmetric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
}

// newPool opens a pool with a connection that is held.
func newPool(t *testing.T, name, operation string) *otelpool.Instrumentation {
	t.Helper()
	config := postgrestest.Config(t)
	config.MaxConns = 10
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config,
		otelpool.WithMeterProvider(newProvider()), otelpool.WithPoolName(name))
	testutil.NoError(t, err)
	ctx := otelpool.WithOperation(context.Background(), operation)
	if _, err := pool.Exec(ctx, "SELECT 'a secret literal', $1::text", "a secret argument"); err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Acquire(ctx)
	testutil.NoError(t, err)
	t.Cleanup(func() {
		conn.Release()
		pool.Close()
		testutil.NoError(t, inst.Unregister())
	})
	return inst
}

// get requests a path from this machine, as the handler sees it.
func get(h http.Handler, path string) *httptest.ResponseRecorder {
	return serve(h, request(http.MethodGet, path))
}

func request(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:40000", "localhost:6060"
	return r
}

func serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func document(t *testing.T, h http.Handler) poolz.Document {
	t.Helper()
	w := get(h, "/report.json")
	var d poolz.Document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%v, status %d: %s", err, w.Code, w.Body)
	}
	return d
}

func TestHandlerServesPoolsUnderAnyPrefix(t *testing.T) {
	t.Parallel()
	insts := []*otelpool.Instrumentation{newPool(t, "main", "checkout"), nil, newPool(t, "reports", "list_sales")}
	h := poolz.Handler(insts, nil, poolz.WithAccess(nil))
	mux := http.NewServeMux()
	mux.Handle("/", h)
	mux.Handle("/debug/pool/", h)
	mux.Handle("/stripped/", http.StripPrefix("/stripped/", h))
	mux.Handle("/other/", http.StripPrefix("/other", h))
	mux.Handle("/without", h)
	mux.Handle("/bare", http.StripPrefix("/bare", h))
	for _, prefix := range []string{"/", "/debug/pool/", "/stripped/", "/other/"} {
		for file, want := range map[string][]string{
			"":                  {"text/html; charset=utf-8", "main", "reports", "checkout", "list_sales", `href="poolz.css"`, "1 of 10", `<noscript><meta http-equiv="refresh"`, `<section id="pool-reports" class="pool"`},
			"?pause":            {"text/html; charset=utf-8", "checkout", "Paused"},
			"report.json":       {"application/json", `"version":1`, `"pool":"main"`, `"pool":"reports"`, `"operation":"checkout"`},
			"history.json":      {"application/json", `"version":1`, `"pool":"main"`, `"pool":"reports"`, `"used":1`},
			"report.txt":        {"text/plain; charset=utf-8", "main: ", "reports: "},
			"poolz.css":         {"text/css; charset=utf-8", "prefers-color-scheme"},
			"app.js":            {"text/javascript; charset=utf-8", "import"},
			"morph.js":          {"text/javascript; charset=utf-8", "export"},
			"uPlot.iife.min.js": {"text/javascript; charset=utf-8", "var uPlot=function"},
		} {
			w := get(mux, prefix+file)
			if w.Code != http.StatusOK || w.Header().Get("Content-Type") != want[0] {
				t.Errorf("%s%s: status %d, %v", prefix, file, w.Code, w.Header())
			}
			for _, part := range want[1:] {
				if !strings.Contains(w.Body.String(), part) {
					t.Errorf("%s%s has no %q: %s", prefix, file, part, w.Body)
				}
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("%s%s shows a secret: %s", prefix, file, w.Body)
			}
		}
	}
	page := get(h, "/").Body.String()
	for _, file := range regexp.MustCompile(`(?:src|href)="([^"#?]+)"`).FindAllStringSubmatch(page, -1) {
		if w := get(h, "/"+file[1]); w.Code != http.StatusOK {
			t.Errorf("%s: status %d", file[1], w.Code)
		}
	}
	if strings.Contains(get(h, "/?pause").Body.String(), "http-equiv") {
		t.Error("the paused page reloads itself")
	}
	if w := get(mux, "/debug/pool/nothing"); w.Code != http.StatusNotFound {
		t.Errorf("status %d for an unknown path", w.Code)
	}
	if w := get(mux, "/without"); w.Code != http.StatusNotFound {
		t.Errorf("status %d without a slash", w.Code)
	}
	if w := get(mux, "/bare?a=b"); w.Code != http.StatusMovedPermanently || w.Header().Get("Location") != "./bare/" {
		t.Errorf("without a slash: status %d, to %q", w.Code, w.Header().Get("Location"))
	}
}

func TestHandlerServesUnregisteredPoolsAsNone(t *testing.T) {
	t.Parallel()
	config, err := pgxpool.ParseConfig("host=localhost")
	testutil.NoError(t, err)
	inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(newProvider()))
	testutil.NoError(t, err)
	for _, insts := range [][]*otelpool.Instrumentation{nil, {nil}, {inst}} {
		h := poolz.Handler(insts)
		testutil.Equal(t, "report.json", get(h, "/report.json").Body.String(), `{"version":1,"pools":[]}`+"\n")
		testutil.Equal(t, "history.json", get(h, "/history.json").Body.String(), `{"version":1,"pools":[]}`+"\n")
		testutil.Equal(t, "report.txt", get(h, "/report.txt").Body.String(), "no pool is registered\n")
		if w := get(h, "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "No pool is registered.") {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
}

// TestHandlerReportsUnknownValues uses a pool without hooks.
func TestHandlerReportsUnknownValues(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), postgrestest.Database(t))
	testutil.NoError(t, err)
	defer pool.Close()
	inst, err := otelpool.Register(pool, otelpool.WithMeterProvider(newProvider()), otelpool.WithPoolName("bare"))
	testutil.NoError(t, err)
	defer func() { _ = inst.Unregister() }()
	h := poolz.Handler([]*otelpool.Instrumentation{inst})
	if got := get(h, "/report.txt").Body.String(); !strings.HasSuffix(got, "in use, and waiting callers are unknown: the pool has no hooks\n") {
		t.Errorf("text: %s", got)
	}
	if got := get(h, "/").Body.String(); strings.Contains(got, "No caller.") || !strings.Contains(got, "Unknown: the pool has no hooks.") {
		t.Errorf("page: %s", got)
	}
}

func TestResponsesAreNotKept(t *testing.T) {
	t.Parallel()
	h := poolz.Handler(nil)
	refused := request(http.MethodGet, "/")
	refused.RemoteAddr = "192.0.2.1:1234"
	for _, r := range []*http.Request{request(http.MethodGet, "/"), request(http.MethodGet, "/nothing"), request(http.MethodPost, "/report.json"), refused} {
		header := serve(h, r).Header()
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
			if got := header.Get(name); got != want {
				t.Errorf("%s %s: %s is %q", r.Method, r.URL, name, got)
			}
		}
		policy := header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base") || strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q", policy)
		}
	}
}

func TestHandlerReadsOnly(t *testing.T) {
	t.Parallel()
	h := poolz.Handler(nil)
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodTrace, "X"} {
		if w := serve(h, request(method, "/")); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: status %d", method, w.Code)
		}
	}
	w := serve(h, request(http.MethodHead, "/report.json"))
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Length") != "25" {
		t.Errorf("HEAD: status %d, %v, %q", w.Code, w.Header(), w.Body)
	}
}

func TestHostileNamesDoNoHarm(t *testing.T) {
	t.Parallel()
	h := poolz.Handler([]*otelpool.Instrumentation{newPool(t, hostile, hostile)})
	d := document(t, h)
	r := d.Pools[0].Report
	if !strings.HasPrefix(r.Pool, "<script>") || r.Holds[0].Operation != hostile[:255] {
		t.Errorf("JSON does not have the names as they are: %q, %q", r.Pool, r.Holds[0].Operation)
	}
	for _, path := range []string{"/", "/?pause", "/report.json", "/history.json", "/report.txt"} {
		body := get(h, path).Body.String()
		if path != "/report.txt" && strings.Contains(body, "<script>a") {
			t.Errorf("%s has markup of a name", path)
		}
		if strings.Contains(body, strings.Repeat("x", 300)) && path != "/report.json" && path != "/history.json" {
			t.Errorf("%s has a name of 10 000 characters", path)
		}
		for _, r := range body {
			if !unicode.IsPrint(r) && r != '\n' {
				t.Fatalf("%s has %U", path, r)
			}
		}
	}
}

func TestViewersShareOneReportASecond(t *testing.T) {
	t.Parallel()
	h := poolz.Handler([]*otelpool.Instrumentation{newPool(t, "main", "checkout")})
	start := time.Now()
	reports := make(map[time.Time]bool)
	for range 200 {
		reports[document(t, h).Pools[0].Report.Time] = true
	}
	if most := int(time.Since(start)/time.Second) + 1; len(reports) > most {
		t.Errorf("%d reports, want at most %d", len(reports), most)
	}
	testutil.Eventually(t, "the report is renewed", func() bool {
		reports[document(t, h).Pools[0].Report.Time] = true
		return len(reports) > 1
	})
}
