package main

import (
	"encoding/json"
	"flag"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // the tests mostly wait
	postgrestest.Main(m)
}

const (
	healthyTime = 6 * time.Second // averages need five
	longHold    = 5 * time.Second
	slowAcquire = 10 * time.Second // such as a first one on a busy machine
)

// fixture is a library's program with a tracer that counts its calls.
type fixture struct {
	*testing.T
	want    expected
	lib     library
	program program
	inst    *otelpool.Instrumentation
	rec     *otelpooltest.Recorder
	tracer  *tracer
	log     *testutil.Buffer
	page    *httptest.Server
}

func TestLibraries(t *testing.T) {
	t.Parallel()
	for _, lib := range libraries {
		want, ok := expectations[lib.name]
		if !ok {
			t.Errorf("no expectations of %s", lib.name)
			continue
		}
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, lib, want)
			runs := f.healthy()
			f.leaks()
			f.close()
			f.countsCalls(runs)
			f.holds()
		})
	}
}

func setup(t *testing.T, lib library, want expected) *fixture {
	t.Helper()
	config := postgrestest.Config(t)
	var err error
	if lib.name != "goose" {
		testutil.NoError(t, migrate(t.Context(), config))
	}
	f := &fixture{T: t, want: want, lib: lib, rec: otelpooltest.NewRecorder(t), log: new(testutil.Buffer)}
	f.tracer = &tracer{calls: map[string]int{}, holds: map[hold]bool{}}
	config.ConnConfig.Tracer = f.tracer
	config.MaxConns = 5
	f.program, f.inst, err = lib.open(t.Context(), config, f.rec.Option(), otelpool.WithPoolName(lib.name),
		otelpool.WithLongHold(longHold), otelpool.WithSlowAcquire(slowAcquire),
		otelpool.WithLogger(slog.New(slog.NewTextHandler(f.log, nil))))
	testutil.NoError(t, err)
	f.tracer.inst.Store(f.inst)
	f.page = httptest.NewServer(poolz.Handler([]*otelpool.Instrumentation{f.inst}))
	t.Cleanup(f.page.Close)
	return f
}

// healthy uses the library for some seconds, in which nothing may be found.
func (f *fixture) healthy() (runs int) {
	f.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); time.Since(begin) < healthyTime; <-tick.C {
		for range 2 {
			testutil.NoError(f, f.program.Run(f.Context()))
			runs++
		}
		if found := f.findings(); len(found) > 0 {
			f.Fatalf("after %v of health: %v", time.Since(begin), found)
		}
	}
	r := f.inst.Report()
	p := r.LastTenMinutes
	if p.NestedAcquires != 0 || p.LongHolds != 0 || p.OperationsCapped != 0 || !maps.Equal(p.Closed, f.want.closed) {
		f.Errorf("%d nested acquires, %d long holds, %d names over the limit, closed: %v",
			p.NestedAcquires, p.LongHolds, p.OperationsCapped, p.Closed)
	}
	var units []string
	for _, u := range p.Units {
		if f.want.own == nil || !f.want.own.MatchString(u.Operation) {
			units = append(units, u.Operation)
		}
	}
	slices.Sort(units)
	if !slices.Equal(units, f.want.units) {
		f.Errorf("the units of work are %q, want %q", units, f.want.units)
	}
	f.eventually("no hold", func() bool { return len(f.inst.Held()) == 0 })
	if text := f.log.String(); text != "" {
		f.Errorf("the log of a healthy pool: %s", text)
	}
	return runs
}

// leaks leaves something open, which the report, the page and the log must name.
func (f *fixture) leaks() {
	f.Helper()
	var ends []func() error
	for range 2 {
		end, err := f.program.Leak(f.Context())
		testutil.NoError(f, err)
		ends = append(ends, end)
	}
	held := slices.DeleteFunc(f.inst.Held(), func(h otelpool.Hold) bool { return h.Operation != f.want.leak })
	if len(held) != len(ends) {
		f.Errorf("%s holds %d connections, want %d", f.want.leak, len(held), len(ends))
	}
	named := func(found []diagnose.Finding) bool {
		return slices.ContainsFunc(found, func(d diagnose.Finding) bool {
			return d.Kind == f.want.kind && d.Operation == f.want.leak
		})
	}
	var found []diagnose.Finding
	f.eventually("a finding", func() bool {
		found = f.findings()
		return named(found)
	})
	for _, d := range found {
		if d.Operation != f.want.leak {
			f.Errorf("something else is found: %v", d)
		}
	}
	if n := f.inst.Report().LastTenMinutes.NestedAcquires; n != f.want.nested {
		f.Errorf("%d nested acquires, want %d", n, f.want.nested)
	}
	d := f.document()
	if len(d.Pools) != 1 || !named(d.Pools[0].Findings) || !slices.ContainsFunc(d.Pools[0].Report.Holds, f.leaked) {
		f.Errorf("the page says %+v", d)
	}
	f.eventually("a line of the log", func() bool {
		return strings.Contains(f.log.String(), "connection held for long") && strings.Contains(f.log.String(), f.want.leak)
	})
	for _, end := range ends {
		testutil.NoError(f, end())
	}
}

// findings returns the findings except cold_start, because each pool has just been opened.
func (f *fixture) findings() []diagnose.Finding {
	return slices.DeleteFunc(diagnose.Findings(f.inst.Report()), func(d diagnose.Finding) bool {
		return d.Kind == diagnose.ColdStart
	})
}

// leaked reports whether holds are those of the leak, acquired by the program's own code.
func (f *fixture) leaked(h diagnose.Holds) bool {
	return h.Operation == f.want.leak && len(h.Stack) > 0 && strings.HasPrefix(h.Stack[0], f.lib.name+".")
}

func (f *fixture) close() {
	f.Helper()
	testutil.NoError(f, f.program.Close())
}

// countsCalls compares otelpool's names and counts with the tracer's.
func (f *fixture) countsCalls(runs int) {
	f.Helper()
	f.tracer.mu.Lock()
	defer f.tracer.mu.Unlock()
	want := map[string]int{}
	for text, n := range f.tracer.calls {
		name := f.want.name(text)
		if name == "" {
			f.Errorf("a text that is not expected: %q, called %d times", text, n)
		}
		want[name] += n
	}
	got := map[string]int{}
	for _, o := range f.rec.Outcomes() {
		got[o.Operation] += o.Count
	}
	if !maps.Equal(got, want) {
		f.Errorf("calls are\n%v, but the tracer counted\n%v", got, want)
	}
	for name, n := range f.want.perRun {
		if want[name] != n*runs {
			f.Errorf("%d runs called %s %d times, want %d each", runs, name, want[name], n)
		}
	}
}

// holds checks that during each query its hold had the stack of the program.
func (f *fixture) holds() {
	f.Helper()
	f.tracer.mu.Lock()
	defer f.tracer.mu.Unlock()
	own := "github.com/otelpool/otelpool-go/examples/frameworks/" + f.lib.name + "."
	for _, unit := range append(slices.Clone(f.want.units), f.want.leak) {
		seen := unit == "" // a ping has no query
		for h := range f.tracer.holds {
			seen = seen || h.unit == unit
			if h.unit == unit && !strings.HasPrefix(h.function, own) {
				f.Errorf("a hold of %q begins at %s", h.unit, h.function)
			}
		}
		if !seen {
			f.Errorf("no hold of %q was seen", unit)
		}
	}
}

func (f *fixture) document() (d poolz.Document) {
	f.Helper()
	res, err := http.Get(f.page.URL + "/report.json")
	testutil.NoError(f, err)
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&d); err != nil || res.StatusCode != http.StatusOK {
		f.Fatalf("status %d: %v", res.StatusCode, err)
	}
	return d
}

func (f *fixture) eventually(what string, condition func() bool) {
	f.Helper()
	held := false
	defer func() {
		if !held {
			f.Logf("%v\n%s", f.inst.Held(), f.log)
		}
	}()
	testutil.Eventually(f, what, condition)
	held = true
}
