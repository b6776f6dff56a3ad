package database_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// conns is the size of each pool. It is small, so that callers wait for each other, as in a service under load.
const conns = 8

// callTimeout is the timeout of one caller's acquire and work.
const callTimeout = 1500 * time.Millisecond

// pair is the two pools, with a load of 64 callers on each.
type pair struct {
	bare, otel   *rig.Side
	sides        []*rig.Side
	loads        []*rig.Load
	broken       time.Time
	out          time.Duration
	once         sync.Once
	stop, looked chan struct{}
}

func database(t *testing.T, opts ...postgres.Option) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.Check(t, s.Stop()) })
	admin(t, s.ConnString(), rig.Schema)
	return s
}

// admin runs SQL on a new connection. It tries again while the server is not ready.
func admin(t *testing.T, connString, sql string) {
	t.Helper()
	var err error
	if !rig.Eventually(t, "SQL of the test succeeds", func() bool { err = once(connString, sql); return err == nil }) {
		t.Fatal(err)
	}
}

func once(connString, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), rig.Wait)
	defer cancel()
	conn, err := pgx.Connect(ctx, connString)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}

// parse returns the configuration of the pools. A dial times out before a caller does.
func parse(t *testing.T, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	testutil.NoError(t, err)
	config.MaxConns = conns
	config.ConnConfig.ConnectTimeout = callTimeout / 2
	return config
}

// begin creates both pools from one configuration and waits until all callers of both have succeeded.
func begin(t *testing.T, config *pgxpool.Config, work ...rig.Work) *pair {
	t.Helper()
	p := &pair{stop: make(chan struct{}), looked: make(chan struct{})}
	p.bare = rig.Bare(t, config)
	p.otel = rig.Instrumented(t, config, otelpool.WithLongHold(rig.Wait))
	p.sides = []*rig.Side{p.bare, p.otel}
	if len(work) == 0 {
		work = rig.Mixed
	}
	for _, s := range p.sides {
		p.loads = append(p.loads, rig.Start(s, callTimeout, 4*time.Millisecond, work...))
	}
	go p.watch(t)
	p.await(t)
	return p
}

// watch checks the instrumented pool all the time.
func (p *pair) watch(t *testing.T) {
	defer close(p.looked)
	for {
		select {
		case <-p.stop:
			return
		case <-time.After(20 * time.Millisecond):
			p.otel.CheckWhileUsed(t)
		}
	}
}

// enough is the number of works of each pool before a fault, and again after it.
const enough = 300

// await waits until all callers of both pools have succeeded, and then for enough works of each.
func (p *pair) await(t *testing.T) {
	t.Helper()
	var enoughDone []int64
	for _, l := range p.loads {
		l.Await(t)
		enoughDone = append(enoughDone, l.Done()+enough)
	}
	for i, l := range p.loads {
		rig.Eventually(t, "the load goes on", func() bool { return l.Done() >= enoughDone[i] })
	}
}

// faultBegins records that the fault begins now.
func (p *pair) faultBegins() { p.broken = time.Now() }

// fails waits until callers of both pools have met the fault: n calls or dials have failed with one of the classes.
func (p *pair) fails(t *testing.T, n int64, classes ...string) {
	t.Helper()
	for _, s := range p.sides {
		rig.Eventually(t, fmt.Sprintf("%s: %v", s.Name, classes), func() bool {
			met, seen := s.Counts.Classes(), int64(0)
			for _, class := range classes {
				seen += met[class]
			}
			return seen >= n
		})
	}
}

// faultEnds records that the fault ends now. It waits until all callers of both pools succeed again, and then for
// enough works.
func (p *pair) faultEnds(t *testing.T) {
	t.Helper()
	p.out = time.Since(p.broken)
	for _, l := range p.loads {
		l.Mark()
	}
	p.await(t)
}

func (p *pair) rest(t *testing.T) {
	t.Helper()
	p.once.Do(func() {
		for _, l := range p.loads {
			l.Stop()
		}
		close(p.stop)
		<-p.looked
		for _, s := range p.sides {
			s.AwaitRest(t)
		}
	})
}

// end ends the load, compares the pools, and returns the classes of failures.
func (p *pair) end(t *testing.T) map[string]int64 {
	t.Helper()
	p.rest(t)
	p.otel.Check(t)
	p.compare(t)
	for _, s := range p.sides {
		s.Close(t)
	}
	return p.otel.Counts.Classes()
}

// compare logs the results, and compares the recovery times of both pools.
func (p *pair) compare(t *testing.T) {
	t.Helper()
	var cells []string
	var all [2]time.Duration
	for i, l := range p.loads {
		var first time.Duration
		first, all[i], _ = l.Recovered()
		cells = append(cells, fmt.Sprintf("%v, %v", round(first), round(all[i])))
	}
	classes := p.otel.Counts.Classes()
	var failed, refused int64
	var named []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		named = append(named, fmt.Sprintf("%s %d", class, classes[class]))
		if strings.HasPrefix(class, "connect ") {
			refused += classes[class]
		} else if class != "22012" { // the load causes it on purpose
			failed += classes[class]
		}
	}
	opened := p.otel.Pool.Stat().NewConnsCount() - refused
	_, name, _ := strings.Cut(t.Name(), "/")
	name = strings.ReplaceAll(name, "_", " ")
	row := []string{name, round(p.out).String(), cells[0], cells[1],
		fmt.Sprintf("%d, %d", p.otel.Counts.Total(), failed), fmt.Sprintf("%d, %d", opened, refused), strings.Join(named, "; ")}
	figures.Add(row...)
	t.Logf("out of service for %s; served again (first, last caller): bare pool %s, otelpool %s; calls, failed: %s; connections opened, refused: %s; %s",
		row[1], row[2], row[3], row[4], row[5], row[6])
	for class := range classes {
		if example := p.otel.Counts.Example(class); example != "" {
			t.Logf("%s: %s", class, example)
		}
	}
	// Both pools share the machine at the same time, so neither can be much slower than the other for long.
	if limit := 3*all[0] + 5*time.Second; all[1] > limit {
		t.Errorf("with otelpool all callers were served again after %v, without after %v", all[1], all[0])
	}
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// usual lists the classes that every load has: intended failures, and deadlines, which can pass on a busy machine.
var usual = []string{"22012", "timeout", "connect timeout"}

// only checks that failures have only these classes and the usual ones, and that the first of the classes occurred.
func only(t *testing.T, classes map[string]int64, needed int, allowed ...string) {
	t.Helper()
	for _, class := range allowed[:needed] {
		if classes[class] == 0 {
			t.Errorf("no failure of class %q: %v", class, classes)
		}
	}
	for class, n := range classes {
		if !slices.Contains(usual, class) && !slices.Contains(allowed, class) {
			t.Errorf("%d failures of class %q", n, class)
		}
	}
}
