package otelpool_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// pgxFact is a test of a row of docs/pgx-facts.md: what otelpool makes of an event that pgx reports in an unexpected way,
// or not at all.
type pgxFact struct {
	row    int
	name   string
	change func(*pgxpool.Config)
	do     func(t *testing.T, f fixture)
	want   counts
}

var allPgxFacts = [][]pgxFact{acquireFacts, hijackFacts, allIdleFacts, dialFacts, closeFacts, queryFacts}

func TestPgxFacts(t *testing.T) {
	t.Parallel()
	for _, facts := range allPgxFacts {
		for _, fact := range facts {
			t.Run(fmt.Sprintf("row %d: %s", fact.row, fact.name), func(t *testing.T) {
				t.Parallel()
				f := factPool(t, fact)
				fact.do(t, f)
				fact.want.check(t, f)
			})
		}
	}
}

// factConns is the size of the pools of pgxFacts.
const factConns = 3

// counts are the numbers of a pool when all its connections are released.
type counts struct {
	ok, timeout, canceled, failed int64 // acquires by result
	uses                          uint64
	opened, hijacked              int64
	closed                        map[string]int64 // by reason
	leaked                        int64            // slots that pgx has lost
	unusable                      bool             // the pool is closed, or its use would prove nothing
}

// check compares a pool at rest with the counts, and then uses it to prove that it still counts right.
func (want counts) check(t *testing.T, f fixture) {
	t.Helper()
	want.rest(t, f)
	atRest(t, f, want.leaked)
	if !want.unusable {
		stillCounts(t, f, factConns-want.leaked, want.leaked)
	}
}

// rest waits until the pool is at rest, and compares the counters.
func (want counts) rest(t *testing.T, f fixture) {
	t.Helper()
	closed := make(map[string]int64)
	maps.Copy(closed, want.closed)
	if want.hijacked > 0 {
		closed["hijacked"] = want.hijacked
	}
	var m metrics
	rests := func() bool {
		m = f.collect(t)
		stat := f.pool.Stat()
		return int64(stat.AcquiredConns()) == want.leaked && stat.ConstructingConns() == 0 &&
			m.value(t, "pgxpool.connections.opened") == want.opened && maps.Equal(closings(m), closed)
	}
	for deadline := time.Now().Add(time.Minute); !rests() && time.Now().Before(deadline); {
		wait(time.Millisecond)
	}
	stat := f.pool.Stat()
	checkEqual(t, "AcquiredConns", int64(stat.AcquiredConns()), want.leaked)
	checkEqual(t, "ConstructingConns", stat.ConstructingConns(), 0)
	if got := closings(m); !maps.Equal(got, closed) {
		t.Errorf("closed: got %v, want %v", got, closed)
	}
	m.check(t, map[string]int64{
		"pgxpool.connections.opened":        want.opened,
		"pgxpool.acquires{result=ok}":       want.ok,
		"pgxpool.acquires{result=timeout}":  want.timeout,
		"pgxpool.acquires{result=canceled}": want.canceled,
		"pgxpool.acquires{result=error}":    want.failed,
		"db.client.connection.timeouts":     want.timeout,
	})
	m.checkCounts(t, map[string]uint64{waitTime: uint64(want.ok)})
	uses, _ := m.holds()
	checkEqual(t, "uses", uses, want.uses)
	total := want.opened
	for _, n := range closed {
		total -= n
	}
	checkEqual(t, "TotalConns", int64(stat.TotalConns()), total)
}

// factPool makes the pool of a pgxFact.
func factPool(t *testing.T, fact pgxFact) fixture {
	t.Helper()
	f := fixture{telemetry: newTelemetry(t)}
	config := parse(t, database(t))
	config.MaxConns = factConns
	if fact.change != nil {
		fact.change(config)
	}
	var log logBuffer
	var err error
	f.pool, f.inst, err = otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(f.provider), otelpool.WithPoolName("test"),
		otelpool.WithPeakWindow(time.Second), otelpool.WithLongHold(time.Hour), log.option())
	testutil.NoError(t, err)
	t.Cleanup(func() {
		if fact.want.leaked > 0 {
			go f.pool.Close() // never returns
		} else {
			postgrestest.ClosePool(t, f.pool)
		}
		unregister(t, f.inst)
	})
	return f
}

func TestPgxFactsCoverEachRow(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "docs", "pgx-facts.md"))
	testutil.NoError(t, err)
	inTable, inText, inTests := make(map[string]bool), make(map[string]bool), make(map[string]bool)
	for _, row := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllSubmatch(text, -1) {
		inTable[string(row[1])] = true
	}
	for _, row := range regexp.MustCompile(`(?m)^\*\*Row (\d+)\.\*\*`).FindAllSubmatch(text, -1) {
		inText[string(row[1])] = true
	}
	for _, facts := range allPgxFacts {
		for _, fact := range facts {
			inTests[strconv.Itoa(fact.row)] = true
		}
	}
	checkEqual(t, "rows of the table", len(inTable), 17)
	if !maps.Equal(inText, inTable) {
		t.Errorf("the text has paragraphs for %v, the table has %v", inText, inTable)
	}
	if !maps.Equal(inTests, inTable) {
		t.Errorf("the tests cite %v, the table has %v", inTests, inTable)
	}
}
