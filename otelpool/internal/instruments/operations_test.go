package instruments

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// newOperations returns operations without histograms.
func newOperations(limit int, fromUser func(context.Context, string) string) *Operations {
	return NewOperations(OperationsConfig{
		Limit:              limit,
		FromUser:           fromUser,
		DurationAttributes: []attribute.KeyValue{attribute.String("db.system.name", "postgresql")},
	})
}

// forQuery returns the operation of a query with that text.
func forQuery(ctx context.Context, o *Operations, sql string, recent *Recent) *Operation {
	op, _ := o.ForQuery(ctx, &Statement{SQL: sql}, recent)
	return op
}

func TestQueryListensWhateverItsName(t *testing.T) {
	t.Parallel()
	o, recent := newOperations(200, nil), new(Recent)
	for range 2 { // the second is remembered
		for sql, want := range map[string]bool{"-- name: Listen :exec\nLISTEN jobs": true, "SELECT jobs": false} {
			for _, ctx := range []context.Context{t.Context(), WithName(t.Context(), "named")} {
				if _, got := o.ForQuery(ctx, &Statement{SQL: sql}, recent); got != want {
					t.Errorf("%q, named %q, listens: %t", sql, NameFrom(ctx), got)
				}
			}
		}
	}
}

func TestNamePrefersCallerThenFunctionThenText(t *testing.T) {
	t.Parallel()
	byFunction := func(_ context.Context, sql string) string {
		if strings.Contains(sql, "orders") {
			return "from_function"
		}
		return ""
	}
	named := WithName(t.Context(), "from_caller")
	for _, tt := range []struct {
		name     string
		fromUser func(context.Context, string) string
		ctx      context.Context
		sql      string
		want     string
	}{
		{"text", nil, t.Context(), "SELECT * FROM users WHERE id = 7", "SELECT users"},
		{"sqlc comment", nil, t.Context(), "-- name: GetUser :one\nSELECT * FROM users", "GetUser"},
		{"unreadable text", nil, t.Context(), "", "_OTHER"},
		{"caller over text", nil, named, "SELECT * FROM users", "from_caller"},
		{"caller over sqlc comment", nil, named, "-- name: GetUser :one\nSELECT 1", "from_caller"},
		{"innermost caller", nil, WithName(named, "inner"), "SELECT 1", "inner"},
		{"name taken back", nil, WithName(named, ""), "SELECT * FROM users", "SELECT users"},
		{"caller over function", byFunction, named, "SELECT * FROM orders", "from_caller"},
		{"function", byFunction, t.Context(), "SELECT * FROM orders", "from_function"},
		{"function over sqlc comment", byFunction, t.Context(), "-- name: GetOrder :one\nSELECT * FROM orders", "from_function"},
		{"function that leaves it to the text", byFunction, t.Context(), "SELECT * FROM users", "SELECT users"},
		{"function after name taken back", byFunction, WithName(named, ""), "SELECT * FROM orders", "from_function"},
		{"function that panics", func(context.Context, string) string { panic("no") }, t.Context(), "SELECT 1", "_OTHER"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := forQuery(tt.ctx, newOperations(200, tt.fromUser), tt.sql, new(Recent)).Name; got != tt.want {
				t.Errorf("named %q, want %q", got, tt.want)
			}
		})
	}
}

// TestSummariesLeaveRoomForChosenNames first uses up the limit of summaries.
func TestSummariesLeaveRoomForChosenNames(t *testing.T) {
	t.Parallel()
	o := newOperations(20, func(_ context.Context, sql string) string {
		name, _ := strings.CutPrefix(sql, "call ")
		if name == sql {
			return ""
		}
		return name
	})
	ctx := t.Context()
	for i := range 100 {
		forQuery(ctx, o, fmt.Sprintf("SELECT * FROM tenant_%d.users", i), new(Recent))
		o.Named(o.CopyName(ctx, []string{fmt.Sprintf("tenant_%d", i), "events"}))
		o.Named(BatchName(o.Name(ctx, Statement{SQL: fmt.Sprintf("INSERT INTO tenant_%d.a VALUES (1)", i)})))
		o.Named(o.PrepareName(ctx, fmt.Sprintf("DELETE FROM tenant_%d.a", i)))
	}
	for want, got := range map[string]*Operation{
		"_OTHER":            forQuery(ctx, o, "SELECT * FROM users", new(Recent)),
		"get_user":          forQuery(WithName(ctx, "get_user"), o, "SELECT * FROM users", new(Recent)),
		"GetUser":           forQuery(ctx, o, "-- name: GetUser :one\nSELECT * FROM users", new(Recent)),
		"by_function":       forQuery(ctx, o, "call by_function", new(Recent)),
		"BATCH SetUser":     o.Named(BatchName(o.Name(ctx, Statement{SQL: "-- name: SetUser :batchexec\nUPDATE users"}))),
		"BATCH by_function": o.Named(BatchName(o.Name(ctx, Statement{SQL: "call by_function"}))),
	} {
		if got.Name != want || got.Capped != (want == OtherOperation) {
			t.Errorf("%s is recorded as %s, capped %t", want, got.Name, got.Capped)
		}
	}
	for i := range 100 {
		forQuery(WithName(ctx, fmt.Sprint("name", i)), o, "", new(Recent))
	}
	if n := len(*o.names.Load()); n != 2*20 {
		t.Errorf("%d names, want 20 of each source", n)
	}
}

// TestDefaultLimitFitsSDK uses all names and all failures that one pool may have.
func TestDefaultLimitFitsSDK(t *testing.T) {
	t.Parallel()
	o := newOperations(DefaultLimit, nil)
	for i := range 2 * DefaultLimit {
		for source := range sourceCount {
			op := o.Named(Name{Text: fmt.Sprintf("%d from %d", i, source), Source: source})
			o.Failure(op, Failure{ErrorType: "40001", SQLState: true})
			o.Failure(op, Failure{ErrorType: "57014", SQLState: true})
		}
	}
	durations, uses := o.sets()
	if len(durations) > 1999 || len(uses) > 1999 {
		t.Errorf("%d series of durations and %d of holds, want fewer than 2000", len(durations), len(uses))
	}
}

func TestOtherDoesNotCountTowardLimit(t *testing.T) {
	t.Parallel()
	o := newOperations(2, nil)
	for i, want := range []struct {
		name   string
		capped bool
	}{{OtherOperation, false}, {"a", false}, {"b", false}, {"c", true}, {OtherOperation, false}, {"a", false}, {"d", true}} {
		given := want.name
		if want.capped {
			want.name = OtherOperation
		}
		if op := o.Named(Name{Text: given, Source: Chosen}); op.Name != want.name || op.Capped != want.capped {
			t.Errorf("%d: %q is recorded as %q, capped %t", i, given, op.Name, op.Capped)
		}
	}
}

func TestNamesOfPartsDoNotCountTowardLimit(t *testing.T) {
	t.Parallel()
	o := newOperations(2, nil)
	for range 2 {
		part := o.Name(t.Context(), Statement{SQL: "select * from a"})
		if got := o.Named(BatchName(part)).Name; got != "BATCH SELECT a" {
			t.Errorf("named %q", got)
		}
		if got := o.Named(o.PrepareName(t.Context(), "select * from b")).Name; got != "PREPARE SELECT b" {
			t.Errorf("named %q", got)
		}
	}
	if n := len(*o.names.Load()); n != 2 {
		t.Errorf("%d names, want 2", n)
	}
}

func TestNamesOfLongSummariesKeepLimit(t *testing.T) {
	t.Parallel()
	o := newOperations(10, nil)
	table := strings.Repeat("t", 90)
	sql := "select * from " + table
	if got := forQuery(t.Context(), o, sql, new(Recent)).Name; got != "SELECT "+table {
		t.Errorf("query: %q", got)
	}
	if got := o.Named(BatchName(o.Name(t.Context(), Statement{SQL: sql}))).Name; got != "BATCH SELECT" {
		t.Errorf("batch: %q", got)
	}
	if got := o.Named(o.PrepareName(t.Context(), sql)).Name; got != "PREPARE SELECT" {
		t.Errorf("prepare: %q", got)
	}
	chosen := WithName(t.Context(), table+"/by_id")
	if got := o.Named(o.PrepareName(chosen, sql)).Name; got != "PREPARE "+table+"/by_id" {
		t.Errorf("prepare of a chosen name: %q", got)
	}
}

func TestOperationsAreFoundByID(t *testing.T) {
	t.Parallel()
	o := newOperations(2, nil)
	for _, name := range []string{"a", "b", "c", "a", OtherOperation} {
		op := o.Named(Name{Text: name, Source: Chosen})
		if got := o.ByID(op.ID); got != op || op.ID == 0 {
			t.Errorf("%q has ID %d, which is %v", name, op.ID, got)
		}
	}
	if o.ByID(0) != nil {
		t.Error("0 is an operation")
	}
}

func TestLongPreparedTextKeepsItsSummary(t *testing.T) {
	t.Parallel()
	long := "SELECT " + strings.Repeat("a, ", maxPreparedText) + "b FROM users"
	if s := PreparedStatement(long); len(s.SQL) != maxPreparedText || s.Name != (Name{Text: "SELECT users", Source: Summarized}) {
		t.Errorf("%d bytes are kept, name %v", len(s.SQL), s.Name)
	}
	if s := PreparedStatement("SELECT 1 FROM a"); s != (Statement{SQL: "SELECT 1 FROM a"}) {
		t.Errorf("a short text became %+v", s)
	}
}

func TestLongPreparedTextIsCutBetweenRunes(t *testing.T) {
	t.Parallel()
	for _, r := range []string{"é", "€", "🐘"} {
		for shift := range len(r) {
			sql := "SELECT '" + strings.Repeat("a", shift) + strings.Repeat(r, maxPreparedText) + "'"
			got := PreparedStatement(sql).SQL
			if !utf8.ValidString(got) || !strings.HasPrefix(sql, got) || len(got) > maxPreparedText || len(got) <= maxPreparedText-len(r) {
				t.Errorf("%s, shifted by %d: cut to %d bytes, valid %t", r, shift, len(got), utf8.ValidString(got))
			}
		}
	}
	notUTF8 := strings.Repeat("\x80", 2*maxPreparedText)
	if got := PreparedStatement(notUTF8).SQL; len(got) != maxPreparedText {
		t.Errorf("what is not UTF-8 is cut to %d bytes", len(got))
	}
}

func TestFailureSeriesAreBounded(t *testing.T) {
	t.Parallel()
	o := newOperations(200, nil)
	for i := range 5 * maxFailureSeries {
		op := o.Named(Name{Text: fmt.Sprintf("op%d", i%7), Source: Chosen})
		o.Failure(op, Failure{ErrorType: fmt.Sprintf("%05d", i), SQLState: true})
	}
	durations, _ := o.sets()
	if most := 8 + maxFailureSeries + 7; len(durations) > most {
		t.Errorf("%d series, want at most %d", len(durations), most)
	}
	if got := o.Failure(o.Named(Name{Text: "op0", Source: Chosen}), Failure{ErrorType: "ZZ999", SQLState: true}); got == nil {
		t.Error("a failure beyond the limit has no series")
	}
	for _, set := range durations {
		if v, _ := set.Value("error.type"); v.AsString() == ErrorTypeOther && set.HasValue("db.response.status_code") {
			t.Errorf("%v: what is not a SQLSTATE has a status code", set.ToSlice())
		}
	}
}

func TestNamesAreValidAttributeValues(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, want string }{
		{"get_user", "get_user"},
		{"bad\xff\xfename", "bad\uFFFDname"},
		{strings.Repeat("x", 300), strings.Repeat("x", 255)},
		{strings.Repeat("ä", 200), strings.Repeat("ä", 127)},
		{strings.Repeat("x", 253) + "€", strings.Repeat("x", 253)},
		{strings.Repeat("x", 1<<20), strings.Repeat("x", 255)},
	} {
		o := newOperations(200, nil)
		got := o.Named(Name{Text: tt.name, Source: Chosen}).Name
		if got != tt.want {
			t.Errorf("%q became %q, want %q", tt.name, got, tt.want)
		}
		if !utf8.ValidString(got) || len(got) > maxNameLength {
			t.Errorf("%q is not a valid value", got)
		}
		for key := range *o.names.Load() {
			if len(key) > maxNameLength {
				t.Errorf("a key of %d bytes is kept", len(key))
			}
		}
	}
}

func TestOperationsConcurrentSafe(t *testing.T) {
	t.Parallel()
	o := newOperations(50, nil)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				op := forQuery(t.Context(), o, fmt.Sprintf("SELECT * FROM t%d", (i*g)%400), new(Recent))
				o.Failure(op, Failure{ErrorType: fmt.Sprintf("%05d", i%300), SQLState: true})
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
