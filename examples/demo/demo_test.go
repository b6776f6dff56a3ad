package main

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelpool/otelpool-go/examples/internal/program"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestDemo runs the program as a user would.
func TestDemo(t *testing.T) {
	t.Parallel()
	path := program.Build(t)
	for _, tt := range []struct {
		name string
		test func(*testing.T, string)
	}{
		{"serves metrics, shows troubles and ends when interrupted", runs}, // first, since it takes longest
		{"continues without its database and recovers", recovers},
		{"ends by itself after DURATION", endsByItself},
		{"ends when terminated", endsWhenTerminated},
		{"ends immediately when interrupted twice", endsWhenInterruptedTwice},
		{"reports wrong settings", saysWhatIsWrong},
		{"pushes over OTLP", pushes},
		{"replaces the schema of a demo that was killed", replacesLeftSchema},
		{"leaves a schema alone that is not its own", leavesSchemaAlone},
		{"leaves another demo alone", leavesOtherDemoAlone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.test(t, path)
		})
	}
}

func endsByItself(t *testing.T, path string) {
	e := start(t, path, "DURATION=5s")
	e.End(0)
	if n := len(e.rows()); n == 0 || n > 6 {
		t.Errorf("%d lines in 5 s:\n%s", n, e.Stdout)
	}
}

func endsWhenTerminated(t *testing.T, path string) {
	// The signal may come at any time, even during the start.
	e := start(t, path)
	e.signal(syscall.SIGTERM)
	e.Eventually("the demo has ended", e.HasEnded)

	e = start(t, path)
	e.working()
	e.signal(syscall.SIGTERM)
	e.End(0)
}

func endsWhenInterruptedTwice(t *testing.T, path string) {
	server := postgrestest.Server(t)
	e := start(t, path, "DATABASE_URL="+server.ConnString())
	e.working()

	// Requests that wait for a lock keep the demo from ending.
	conn := postgrestest.Connect(t, server.ConnString())
	postgrestest.Exec(t, conn, "BEGIN; LOCK TABLE otelpool_demo.users")
	e.while("a request waits for the lock", func() bool {
		var waiting bool
		err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)").Scan(&waiting)
		return err == nil && waiting
	})
	e.signal(syscall.SIGINT)
	e.while("it says that it stops", func() bool { return strings.Contains(e.Stdout.String(), "Stopping") })
	e.signal(syscall.SIGINT)
	e.Eventually("the demo has ended", e.HasEnded)
	if status, ok := e.Cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGINT {
		t.Errorf("%v, want it ended by the second SIGINT", e.Cmd.ProcessState)
	}
}

func saysWhatIsWrong(t *testing.T, path string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testutil.NoError(t, err)
	defer listener.Close()
	taken := listener.Addr().String()
	for _, tt := range []struct{ env, want string }{
		{"ADDR=" + taken, "demo: " + taken + " is in use by another program: choose another port, such as ADDR=127.0.0.1:9500"},
		{"ADDR=nonsense", `demo: ADDR is "nonsense": want host:port, such as 127.0.0.1:9464`},
		{"DURATION=ten", `demo: DURATION is "ten": want a time such as 10s or 2m, or 0 to run until Ctrl-C`},
		// pgx's own error quotes the password from the space on.
		{"DATABASE_URL=host=localhost password='my hunter2", "demo: DATABASE_URL cannot be used: "},
		{"DATABASE_URL=postgres://user:hunter2@" + taken + "/db?connect_timeout=1", "demo: the database cannot be reached, check DATABASE_URL "},
		{"OTEL_RESOURCE_ATTRIBUTES=nonsense", "demo: OTEL_RESOURCE_ATTRIBUTES cannot be used: "},
		{"OTEL_EXPORTER_OTLP_ENDPOINT=nonsense", "demo: otlp: OTEL_EXPORTER_OTLP_ENDPOINT "},
	} {
		t.Run(tt.env, func(t *testing.T) {
			e := start(t, path, tt.env)
			e.End(1)
			said := e.Stderr.String()
			if !strings.HasPrefix(said, tt.want) || strings.Count(said, "\n") != 1 || e.Stdout.String() != "" {
				t.Errorf("%q\n%s\nwant one line: %q", said, e.Stdout, tt.want)
			}
			if strings.Contains(said, "hunter2") {
				t.Errorf("the password is in %q", said)
			}
		})
	}
}

func recovers(t *testing.T, path string) {
	server := postgrestest.Server(t)
	e := start(t, path, "DATABASE_URL="+server.ConnString())
	e.working()
	testutil.NoError(t, server.Crash())
	away := func(r row) bool { return strings.Contains(r.errors, "×HTTP 503") }
	e.row(0, "a line with requests that failed", away)
	testutil.NoError(t, server.Restart(t.Context()))
	e.row(len(e.rows()), "a line with queries and without failed requests", func(r row) bool { return r.rate > 0 && !away(r) })
	_, page := e.get("/")
	_, metrics := e.get("/metrics")
	e.signal(syscall.SIGINT)
	e.End(0)

	if schemas(t, server.ConnString()) != 0 {
		t.Error("the schema is left")
	}
	u, err := url.Parse(server.ConnString())
	testutil.NoError(t, err)
	password, _ := u.User.Password()
	if all := e.Stdout.String() + e.Stderr.String() + page + metrics; password == "" || strings.Contains(all, password) {
		t.Errorf("the password %q is in %s", password, all)
	}
}

func pushes(t *testing.T, path string) {
	for _, tt := range []struct {
		protocol               otlptest.Protocol
		variable, env, service string
	}{
		{otlptest.HTTP, "OTEL_EXPORTER_OTLP_ENDPOINT", "", "otelpool-demo"},
		{otlptest.GRPC, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_SERVICE_NAME=shop", "shop"},
	} {
		t.Run(string(tt.protocol), func(t *testing.T) {
			t.Parallel()
			receiver := otlptest.New(t, tt.protocol)
			// Only the last push arrives.
			e := start(t, path, tt.variable+"="+receiver.Endpoint(), "OTEL_EXPORTER_OTLP_PROTOCOL="+string(tt.protocol),
				"OTEL_METRIC_EXPORT_INTERVAL=3600000", tt.env)
			e.working()
			e.signal(syscall.SIGINT)
			e.End(0)
			received := receiver.Metrics()
			for _, name := range []string{"pgxpool.size", "db.client.connection.count", "db.client.operation.duration"} {
				if otlptest.Latest(received, name) == nil {
					t.Errorf("%s did not arrive", name)
				}
			}
			if got := serviceNames(received); !slices.Equal(got, []string{tt.service}) {
				t.Errorf("service.name is %q, want %q", got, tt.service)
			}
		})
	}
}

func serviceNames(received []*metricspb.ResourceMetrics) (names []string) {
	for _, rm := range received {
		for _, attribute := range rm.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				names = append(names, attribute.GetValue().GetStringValue())
			}
		}
	}
	return slices.Compact(names)
}

func replacesLeftSchema(t *testing.T, path string) {
	databaseURL := postgrestest.Database(t)
	e := start(t, path, "DATABASE_URL="+databaseURL)
	e.working()
	e.signal(syscall.SIGKILL)
	e.Eventually("the demo has ended", e.HasEnded)
	if schemas(t, databaseURL) != 1 {
		t.Fatal("the killed demo left no schema")
	}
	conn := postgrestest.Connect(t, databaseURL)
	e.Eventually("its connections have ended", func() bool {
		var n int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
			applicationName).Scan(&n)
		return err == nil && n == 0
	})

	e = start(t, path, "DATABASE_URL="+databaseURL)
	e.working()
	e.signal(syscall.SIGINT)
	e.End(0)
	if schemas(t, databaseURL) != 0 {
		t.Error("the schema is left")
	}
}

func leavesSchemaAlone(t *testing.T, path string) {
	databaseURL := postgrestest.Database(t)
	postgrestest.Exec(t, postgrestest.Connect(t, databaseURL), "CREATE SCHEMA otelpool_demo; CREATE TABLE otelpool_demo.users ()")
	e := start(t, path, "DATABASE_URL="+databaseURL)
	e.End(1)
	if said := e.Stderr.String(); !strings.Contains(said, "schema otelpool_demo: the database has one that the demo did not create") {
		t.Errorf("%q", said)
	}
	postgrestest.Exec(t, postgrestest.Connect(t, databaseURL), "SELECT FROM otelpool_demo.users")
}

func leavesOtherDemoAlone(t *testing.T, path string) {
	databaseURL := postgrestest.Database(t)
	first := start(t, path, "DATABASE_URL="+databaseURL)
	first.working()
	second := start(t, path, "DATABASE_URL="+databaseURL)
	second.End(1)
	if said := second.Stderr.String(); !strings.Contains(said, "another demo is using this database") {
		t.Errorf("%q", said)
	}
	first.row(len(first.rows()), "a line with queries", func(r row) bool { return r.rate > 0 && !strings.Contains(r.errors, "HTTP") })
	first.signal(syscall.SIGINT)
	first.End(0)
}

// schemas returns the number of the demo's schemas in a database.
func schemas(t *testing.T, connString string) (n int) {
	t.Helper()
	err := postgrestest.Connect(t, connString).QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'otelpool_demo'").Scan(&n)
	testutil.NoError(t, err)
	return n
}
