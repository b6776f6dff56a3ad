package poolz_test

import (
	"net/http"
	"testing"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestOnlyThisMachineIsServed(t *testing.T) {
	t.Parallel()
	h := poolz.Handler(nil)
	for _, tt := range []struct {
		remote, host, header string
		served               bool
	}{
		{"127.0.0.1:40000", "localhost:6060", "", true},
		{"127.8.9.10:40000", "127.0.0.1", "", true},
		{"[::1]:40000", "[::1]:6060", "", true},
		{"[::1]:40000", "[::1]", "", true},
		{"[::ffff:127.0.0.1]:40000", "LOCALHOST", "", true},
		{"127.0.0.1:40000", "localhost", "User-Agent", true},

		{"192.0.2.1:40000", "localhost", "", false},
		{"10.0.0.1:40000", "10.0.0.2:6060", "", false},
		{"[2001:db8::1]:40000", "localhost", "", false},
		{"[fe80::1%lo]:40000", "localhost", "", false},
		{"@", "localhost", "", false},
		{"", "localhost", "", false},
		{"127.0.0.1", "localhost", "", false},

		{"127.0.0.1:40000", "rebound.example.com", "", false},
		{"127.0.0.1:40000", "localhost.example.com:6060", "", false},
		{"127.0.0.1:40000", "127.0.0.1.example.com", "", false},
		{"127.0.0.1:40000", "0.0.0.0:6060", "", false},
		{"127.0.0.1:40000", "192.0.2.1", "", false},
		{"127.0.0.1:40000", "", "", false},

		{"127.0.0.1:40000", "localhost", "X-Forwarded-For", false},
		{"127.0.0.1:40000", "localhost", "X-Forwarded-Proto", false},
		{"127.0.0.1:40000", "localhost", "Forwarded", false},
		{"127.0.0.1:40000", "localhost", "X-Real-IP", false},
		{"127.0.0.1:40000", "localhost", "Via", false},
		{"127.0.0.1:40000", "localhost", "CF-Connecting-IP", false},
		{"127.0.0.1:40000", "localhost", "X_Forwarded_For", false},
		{"127.0.0.1:40000", "localhost", "X-Original-URL", false},
		{"127.0.0.1:40000", "localhost", "X-Envoy-Expected-Rq-Timeout-Ms", false},
		{"127.0.0.1:40000", "localhost", "Proxy-Connection", false},
	} {
		r := request(http.MethodGet, "/")
		r.RemoteAddr, r.Host = tt.remote, tt.host
		if tt.header != "" {
			r.Header.Set(tt.header, "") // a proxy may hide its client
		}
		want := http.StatusForbidden
		if tt.served {
			want = http.StatusOK
		}
		if got := serve(h, r).Code; got != want {
			t.Errorf("from %q to %q with %q: status %d, want %d", tt.remote, tt.host, tt.header, got, want)
		}
	}
}

func TestWithAccessReplacesRule(t *testing.T) {
	t.Parallel()
	byToken := poolz.WithAccess(func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer right" })
	h := poolz.Handler(nil, byToken)
	away := request(http.MethodGet, "/")
	away.RemoteAddr, away.Host = "192.0.2.1:1234", "service.example.com"
	away.Header.Set("Authorization", "Bearer right")
	testutil.Equal(t, "status with the token", serve(h, away).Code, http.StatusOK)
	for _, path := range []string{"/", "/report.json", "/history.json", "/report.txt", "/poolz.css", "/nothing"} {
		if got := get(h, path).Code; got != http.StatusForbidden {
			t.Errorf("%s without the token: status %d", path, got)
		}
	}
}

func TestPanicInAccessRefuses(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"boom", http.ErrAbortHandler} {
		h := poolz.Handler(nil, poolz.WithAccess(func(*http.Request) bool { panic(value) }))
		testutil.Equal(t, "status", get(h, "/report.json").Code, http.StatusForbidden)
	}
}
