package database_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/otelpool"
)

// conns is the size of each pool: few, so that callers wait for each other, as in a service under load.
const conns = 8

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

// database makes a throwaway server with what the load needs.
func database(t *testing.T, opts ...postgres.Option) *postgres.Server {
	t.Helper()
	s, err := postgres.Start(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	admin(t, s.ConnString(), rig.Schema)
	return s
}

// admin runs SQL on a connection of its own, again and again should the server not be ready.
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

// parse gives the configuration of the pools. Dials give up before callers do.
func parse(t *testing.T, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = conns
	config.ConnConfig.ConnectTimeout = rig.Patience / 2
	return config
}

// by gives the configuration with another address.
func by(t *testing.T, config *pgxpool.Config, addr string) *pgxpool.Config {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	config = config.Copy()
	config.ConnConfig.Host, config.ConnConfig.Port, config.ConnConfig.Fallbacks = host, uint16(n), nil
	return config
}

// begin makes both pools of one configuration and waits until all callers of both have been served.
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
		p.loads = append(p.loads, rig.Start(s, 4*time.Millisecond, work...))
	}
	go p.watch(t)
	p.await(t)
	return p
}

// watch looks at the measured pool all the time.
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

// enough is how much work of each pool is done before a fault, and again after it.
const enough = 1000

// await waits until all callers have been served, and then for a good deal of work.
func (p *pair) await(t *testing.T) {
	t.Helper()
	for _, l := range p.loads {
		l.Await(t)
		before := l.Done()
		rig.Eventually(t, "the load goes on", func() bool { return l.Done() >= before+enough })
	}
}

// breaks notes that the fault begins now.
func (p *pair) breaks() { p.broken = time.Now() }

// fails waits until callers of both pools have met the fault, in at least n calls or dials of one of these classes.
func (p *pair) fails(t *testing.T, n int64, classes ...string) {
	t.Helper()
	for _, s := range p.sides {
		rig.Eventually(t, fmt.Sprintf("%s: %v", s.Name, classes), func() bool {
			met, seen := s.Ledger.Classes(), int64(0)
			for _, class := range classes {
				seen += met[class]
			}
			return seen >= n
		})
	}
}

// mended notes that the fault has ended just now, waits until all callers of both pools are served again, and
// then for a good deal of work.
func (p *pair) mended(t *testing.T) {
	t.Helper()
	p.out = time.Since(p.broken)
	for _, l := range p.loads {
		l.Mark()
	}
	p.await(t)
}

// rest ends the load and waits until both pools are at rest.
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

// end ends the load, compares all there is to be compared, and gives the classes of failures that there were.
func (p *pair) end(t *testing.T) map[string]int64 {
	t.Helper()
	p.rest(t)
	p.otel.Check(t)
	p.compare(t)
	for _, s := range p.sides {
		s.Close(t)
	}
	return p.otel.Ledger.Classes()
}

// compare prints the figures, and compares how long both pools took.
func (p *pair) compare(t *testing.T) {
	t.Helper()
	var cells []string
	var all [2]time.Duration
	for i, l := range p.loads {
		var first time.Duration
		first, all[i], _ = l.Recovered()
		cells = append(cells, fmt.Sprintf("%v, %v", round(first), round(all[i])))
	}
	classes := p.otel.Ledger.Classes()
	var failed, refused int64
	var named []string
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		named = append(named, fmt.Sprintf("%s %d", class, classes[class]))
		if strings.HasPrefix(class, "connect ") {
			refused += classes[class]
		} else if class != "22012" { // which the load wants
			failed += classes[class]
		}
	}
	opened := p.otel.Pool.Stat().NewConnsCount() - refused
	_, name, _ := strings.Cut(t.Name(), "/")
	name = strings.ReplaceAll(name, "_", " ")
	row := []string{name, round(p.out).String(), cells[0], cells[1],
		fmt.Sprintf("%d, %d", p.otel.Ledger.Total(), failed), fmt.Sprintf("%d, %d", opened, refused), strings.Join(named, "; ")}
	figures.Add(row...)
	t.Logf("out of service for %s; served again (first, last caller): bare pool %s, otelpool %s; calls, failed: %s; connections opened, refused: %s; %s",
		row[1], row[2], row[3], row[4], row[5], row[6])
	for class := range classes {
		if example := p.otel.Ledger.Example(class); example != "" {
			t.Logf("%s: %s", class, example)
		}
	}
	// Both pools have the same machine at the same time, so neither can be much slower than the other for long.
	if limit := 3*all[0] + 5*time.Second; all[1] > limit {
		t.Errorf("with otelpool all callers were served again after %v, without after %v", all[1], all[0])
	}
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// usual are the classes of what the load does on purpose, and of deadlines, which pass on a machine that is busy enough.
var usual = []string{"22012", "timeout", "connect timeout"}

// only checks that failures are of these classes and the usual ones alone, and that there was each of the first ones.
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
