package otelpool

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
)

func testOperations(t *testing.T, opts ...Option) *operations {
	t.Helper()
	c, err := newConfig(opts)
	if err != nil {
		t.Fatal(err)
	}
	return newOperations(c, histograms{}, []attribute.KeyValue{attribute.String("db.system.name", "postgresql")}, nil)
}

func TestOperationIsNamedByFunctionThenCallerThenText(t *testing.T) {
	t.Parallel()
	byFunction := WithOperationName(func(_ context.Context, sql string) string {
		if strings.Contains(sql, "orders") {
			return "from_function"
		}
		return ""
	})
	named := WithOperation(t.Context(), "from_caller")
	for _, tt := range []struct {
		name string
		opts []Option
		ctx  context.Context
		sql  string
		want string
	}{
		{"text", nil, t.Context(), "SELECT * FROM users WHERE id = 7", "SELECT users"},
		{"sqlc comment", nil, t.Context(), "-- name: GetUser :one\nSELECT * FROM users", "GetUser"},
		{"unreadable text", nil, t.Context(), "", "_OTHER"},
		{"caller over text", nil, named, "SELECT * FROM users", "from_caller"},
		{"caller over sqlc comment", nil, named, "-- name: GetUser :one\nSELECT 1", "from_caller"},
		{"innermost caller", nil, WithOperation(named, "inner"), "SELECT 1", "inner"},
		{"name taken back", nil, WithOperation(named, ""), "SELECT * FROM users", "SELECT users"},
		{"function over caller", []Option{byFunction}, named, "SELECT * FROM orders", "from_function"},
		{"function that leaves it to the caller", []Option{byFunction}, named, "SELECT * FROM users", "from_caller"},
		{"function that leaves it to the text", []Option{byFunction}, t.Context(), "SELECT * FROM users", "SELECT users"},
		{"function that panics", []Option{WithOperationName(func(context.Context, string) string { panic("no") })}, named, "SELECT 1", "_OTHER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := testOperations(t, tt.opts...).forQuery(tt.ctx, statement{sql: tt.sql}).name; got != tt.want {
				t.Errorf("named %q, want %q", got, tt.want)
			}
		})
	}
}

func TestBatchIsNamedAsTheConventionsSay(t *testing.T) {
	t.Parallel()
	upper := WithOperationName(func(_ context.Context, sql string) string { return strings.ToUpper(sql) })
	for _, tt := range []struct {
		name string
		opts []Option
		ctx  context.Context
		sqls []string
		want string
	}{
		{"one query is that query", nil, t.Context(), []string{"select * from a"}, "SELECT a"},
		{"one text", nil, t.Context(), []string{"select * from a", "select * from a"}, "BATCH SELECT a"},
		{"one summary", nil, t.Context(), []string{"select x from a", "select y from a"}, "BATCH SELECT a"},
		{"several", nil, t.Context(), []string{"select * from a", "select * from a", "delete from a"}, "BATCH"},
		{"none", nil, t.Context(), nil, "BATCH"},
		{"caller", nil, WithOperation(t.Context(), "import"), []string{"select 1", "delete from a"}, "import"},
		{"function that leaves it to the caller", []Option{WithOperationName(func(context.Context, string) string { return "" })}, WithOperation(t.Context(), "import"), []string{"select 1", "delete from a"}, "import"},
		{"unreadable", nil, t.Context(), []string{"nonsense", "more"}, "_OTHER"},
		{"function, one", []Option{upper}, t.Context(), []string{"x"}, "X"},
		{"function, alike", []Option{upper}, t.Context(), []string{"x", "X"}, "BATCH X"},
		{"function, several", []Option{upper}, t.Context(), []string{"x", "y"}, "BATCH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var queries []*pgx.QueuedQuery
			for _, sql := range tt.sqls {
				queries = append(queries, &pgx.QueuedQuery{SQL: sql})
			}
			if got := testOperations(t, tt.opts...).forBatch(tt.ctx, new(connState), queries).name; got != tt.want {
				t.Errorf("named %q, want %q", got, tt.want)
			}
		})
	}
}

func TestOperationNamesBeyondTheLimitAreOtherAndCounted(t *testing.T) {
	t.Parallel()
	o := testOperations(t, WithOperationLimit(3))
	for i := range 10 {
		op := o.named(fmt.Sprintf("op%d", i))
		o.count(op)
		want := fmt.Sprintf("op%d", i)
		if i >= 3 {
			want = OtherOperation
		}
		if op.name != want {
			t.Errorf("operation %d is %q, want %q", i, op.name, want)
		}
	}
	o.count(o.named(OtherOperation)) // an unreadable text is not beyond the limit
	if got := o.folded.Load(); got != 7 {
		t.Errorf("%d operations counted as capped, want 7", got)
	}
	if got := o.named("op1").name; got != "op1" {
		t.Errorf("an early name became %q once the limit was reached", got)
	}
}

func TestNamesOfPartsDoNotUseUpTheLimit(t *testing.T) {
	t.Parallel()
	o := testOperations(t, WithOperationLimit(2))
	batch := []*pgx.QueuedQuery{{SQL: "select * from a"}, {SQL: "select 1 from a"}}
	for range 2 {
		if got := o.forBatch(t.Context(), new(connState), batch).name; got != "BATCH SELECT a" {
			t.Errorf("named %q", got)
		}
		if got := o.forPrepare(t.Context(), "select * from b").name; got != "PREPARE SELECT b" {
			t.Errorf("named %q", got)
		}
	}
	if n := len(*o.names.Load()); n != 2 {
		t.Errorf("%d names, want two", n)
	}
}

func TestHugeNamesAreNotKept(t *testing.T) {
	t.Parallel()
	o := testOperations(t)
	huge := strings.Repeat("x", 1<<20)
	if a, b := o.named(huge), o.named(huge+"y"); a != b || len(a.name) != maxNameLength {
		t.Errorf("named %d and %d bytes", len(a.name), len(b.name))
	}
	for name := range *o.names.Load() {
		if len(name) > maxNameLength {
			t.Errorf("a key of %d bytes is kept", len(name))
		}
	}
}

func TestFailureSeriesAreBounded(t *testing.T) {
	t.Parallel()
	o := testOperations(t)
	for i := range 5 * maxFailureSeries {
		op := o.named(fmt.Sprintf("op%d", i%7))
		o.failure(op, failure{errorType: fmt.Sprintf("%05d", i), sqlState: true})
	}
	durations, _ := o.sets()
	if most := 8 + maxFailureSeries + 7; len(durations) > most {
		t.Errorf("%d series, want at most %d", len(durations), most)
	}
	if got := o.failure(o.named("op0"), failure{errorType: "ZZ999", sqlState: true}); got == nil {
		t.Error("a failure beyond the limit has no series")
	}
	for _, set := range durations {
		if v, _ := set.Value("error.type"); v.AsString() == errorTypeOther && set.HasValue("db.response.status_code") {
			t.Errorf("%v: what is not a SQLSTATE has a status code", set.ToSlice())
		}
	}
}

func TestOperationNamesAreFitForAttributes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, want string }{
		{"get_user", "get_user"},
		{"bad\xff\xfename", "bad\uFFFDname"},
		{strings.Repeat("x", 300), strings.Repeat("x", 255)},
		{strings.Repeat("ä", 200), strings.Repeat("ä", 127)},
		{strings.Repeat("x", 253) + "€", strings.Repeat("x", 253)},
	} {
		got := testOperations(t).named(tt.name).name
		if got != tt.want {
			t.Errorf("%q became %q, want %q", tt.name, got, tt.want)
		}
		if !utf8.ValidString(got) || len(got) > maxNameLength {
			t.Errorf("%q is no fit value", got)
		}
	}
}

func TestTextCacheIsBoundedWhenTextsAreNot(t *testing.T) {
	t.Parallel()
	var c textCache
	op := &text{name: "x"}
	long := strings.Repeat("y", 10_000)
	for i := range 20_000 {
		c.put(fmt.Sprintf("SELECT %d", i), op)
		c.put(fmt.Sprintf("SELECT %d -- %s", i%1000, long), op)
	}
	var texts, bytes int
	for _, g := range []*textGeneration{c.current.Load(), c.previous.Load()} {
		g.texts.Range(func(key, _ any) bool {
			texts++
			bytes += len(key.(string))
			return true
		})
	}
	if texts > 2*maxCachedTexts {
		t.Errorf("%d texts are kept, want at most %d", texts, 2*maxCachedTexts)
	}
	if most := 2 * (maxCachedBytes + len(long) + 20); bytes > most {
		t.Errorf("%d bytes are kept, want at most %d", bytes, most)
	}
}

func TestTextCacheKeepsWhatIsUsed(t *testing.T) {
	t.Parallel()
	var c textCache
	op := &text{name: "x"}
	c.put("used", op)
	for i := range 10 * maxCachedTexts {
		c.put(fmt.Sprintf("once %d", i), new(text))
		if c.get("used") != op {
			t.Fatalf("a text in use was forgotten after %d others", i)
		}
	}
	if c.get("once 0") != nil {
		t.Error("a text of long ago is still known")
	}
}

func TestTextCacheDoesNotKeepHugeTexts(t *testing.T) {
	t.Parallel()
	var c textCache
	huge := strings.Repeat("x", maxCachedText+1)
	c.put(huge, new(text))
	if c.get(huge) != nil {
		t.Error("a text beyond the limit was kept")
	}
}

func TestOperationsAreConcurrentSafe(t *testing.T) {
	t.Parallel()
	o := testOperations(t, WithOperationLimit(50))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				op := o.forQuery(t.Context(), statement{sql: fmt.Sprintf("SELECT * FROM t%d", (i*g)%400)})
				o.count(op)
				o.failure(op, failure{errorType: fmt.Sprintf("%05d", i%300), sqlState: true})
			}
		})
	}
	for range 100 {
		o.sets()
	}
	wg.Wait()
	if got := len(*o.names.Load()); got != 50 {
		t.Errorf("%d names, want 50", got)
	}
}

func TestOtherIsNoneOfTheNamesThatTheLimitCounts(t *testing.T) {
	t.Parallel()
	o := testOperations(t, WithOperationLimit(2))
	for i, want := range []struct {
		name   string
		folded bool
	}{{OtherOperation, false}, {"a", false}, {"b", false}, {"c", true}, {OtherOperation, false}, {"a", false}, {"d", true}} {
		given := want.name
		if want.folded {
			want.name = OtherOperation
			given = string(rune('c' + i))
		}
		if op := o.named(given); op.name != want.name || op.folded != want.folded {
			t.Errorf("%d: %q is recorded as %q, folded %t", i, given, op.name, op.folded)
		}
	}
}
