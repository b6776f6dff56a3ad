package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

// TestAllPoolsAreOnBothPages runs the whole program, which must leave nothing in the database.
func TestAllPoolsAreOnBothPages(t *testing.T) {
	url := postgrestest.Database(t)
	t.Setenv(postgres.URLEnv, url)
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	stdout, out := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-addr", "127.0.0.1:0", "-leak"}, out)
		_ = out.CloseWithError(err)
		ended <- err
		close(ended)
	}()
	t.Cleanup(func() { // before the database is dropped
		stop()
		testutil.NoError(t, <-ended)
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	testutil.NoError(t, err)
	page, metrics, _ := strings.Cut(line, " and ")
	metrics, _, _ = strings.Cut(metrics, ",")
	var report poolz.Document
	testutil.Eventually(t, "every library is on "+line, func() bool {
		text, shown := get(t, metrics), get(t, page)
		report = poolz.Document{}
		testutil.NoError(t, json.Unmarshal([]byte(get(t, page+"report.json")), &report))
		return !slices.ContainsFunc(libraries, func(l library) bool {
			return !strings.Contains(text, `pool="`+l.name+`"`) || !strings.Contains(shown, "<bdi>"+l.name+"</bdi>") || !leaks(report, l.name)
		})
	})
	stop()
	testutil.NoError(t, <-ended)
	conn, err := pgx.Connect(t.Context(), url)
	testutil.NoError(t, err)
	defer conn.Close(context.Background())
	var schemas int
	err = conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'otelpool%'").Scan(&schemas)
	if err != nil || schemas != 0 {
		t.Errorf("%d schemas are left: %v", schemas, err)
	}
}

// leaks reports whether a report has a pool with two connections held by the leak.
func leaks(report poolz.Document, pool string) bool {
	for _, p := range report.Pools {
		for _, h := range p.Report.Holds {
			if p.Report.Pool == pool && h.Operation == expectations[pool].leak && h.Count == 2 {
				return true
			}
		}
	}
	return false
}

func get(t *testing.T, url string) string {
	t.Helper()
	res, err := http.Get(url)
	testutil.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: status %d: %v", url, res.StatusCode, err)
	}
	return string(text)
}

func TestFailedOpenLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, lib := range libraries {
		config, err := pgxpool.ParseConfig("postgres://user@127.0.0.1:1/nowhere")
		testutil.NoError(t, err)
		rec := otelpooltest.NewRecorder(t)
		p, _, err := lib.open(t.Context(), config, rec.Option(), otelpool.WithPoolName(lib.name))
		if err == nil { // it connects later
			if err := p.Close(); err != nil {
				t.Errorf("%s: %v", lib.name, err)
			}
		}
		for _, scope := range rec.Collect().ScopeMetrics {
			for _, m := range scope.Metrics {
				if m.Name == "db.client.connection.max" {
					t.Errorf("%s: the pool is still registered after %v", lib.name, err)
				}
			}
		}
	}
}

// TestFailedOpenEndsProgram lets a library fail after others have started.
func TestFailedOpenEndsProgram(t *testing.T) {
	t.Setenv(postgres.URLEnv, postgrestest.Database(t))
	broken := errors.New("broken")
	all := libraries
	libraries = append(slices.Clip(all[:2]), library{"broken", func(
		context.Context, *pgxpool.Config, ...otelpool.Option,
	) (program, *otelpool.Instrumentation, error) {
		return nil, nil, broken
	}})
	defer func() { libraries = all }()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	if err := run(ctx, []string{"-addr", "127.0.0.1:0"}, io.Discard); !errors.Is(err, broken) || ctx.Err() != nil {
		t.Errorf("error %v, %v", err, ctx.Err())
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"-lib gormm": `unknown library "gormm" (valid: goose, sqlc,`,
		"gorm":       `unknown argument "gorm" (-h lists the flags)`,
		"-colour":    "flag provided but not defined: -colour (-h lists the flags)",
	} {
		testutil.ErrorContains(t, run(t.Context(), strings.Fields(args), io.Discard), want)
	}
}
