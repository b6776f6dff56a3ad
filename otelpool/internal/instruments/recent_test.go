package instruments

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

func TestRecentTextsKeepTheirOperations(t *testing.T) {
	t.Parallel()
	o, recent := newOperations(200, nil), new(Recent)
	for range 3 {
		for i := range 10 { // texts of one length, which take the place of each other
			sql, want := fmt.Sprintf("SELECT * FROM t%d", i), fmt.Sprintf("SELECT t%d", i)
			for range 2 {
				if got := forQuery(t.Context(), o, sql, recent); got.Name != want || got != o.ByID(got.ID) {
					t.Fatalf("%s: operation %d, %s", sql, got.ID, got.Name)
				}
			}
			if known := *recent.text(len(sql)); known != o.text(sql) {
				t.Fatalf("%s is not what is remembered: %+v", sql, known)
			}
		}
	}
}

func TestRecentTextsAreShort(t *testing.T) {
	t.Parallel()
	o, recent := newOperations(200, nil), new(Recent)
	for length := maxRecentText - 50; length < maxRecentText+50; length++ {
		sql := "SELECT * FROM t"
		sql += strings.Repeat(" ", length-len(sql))
		if got := forQuery(t.Context(), o, sql, recent).Name; got != "SELECT t" {
			t.Errorf("%d bytes are named %s", length, got)
		}
	}
	for _, known := range recent.texts {
		if known == nil || len(known.sql) > maxRecentText {
			t.Errorf("remembered: %.40v", known)
		}
	}
}

func TestRecentNamesKeepTheirOperations(t *testing.T) {
	t.Parallel()
	o, recent := newOperations(3, nil), new(Recent)
	for range 3 {
		for i := range 6 {
			name := fmt.Sprintf("get_user_%d", i)
			got := forQuery(WithName(t.Context(), name), o, "SELECT 1", recent)
			if want := o.Named(Name{Text: name, Source: Chosen}); got != want || got.Capped != (i >= 3) {
				t.Errorf("%s: operation %s, want %s", name, got.Name, want.Name)
			}
		}
	}
	// Both have the same sanitized name and place, but are two operations.
	unreadable, replaced := strings.Repeat("\xffx", 4), strings.Repeat("\uFFFDx", 4)
	o, recent = newOperations(3, nil), new(Recent)
	first := forQuery(WithName(t.Context(), unreadable), o, "", recent)
	second := forQuery(WithName(t.Context(), replaced), o, "", recent)
	if first.Name != replaced || second.Name != replaced || first == second || *recent.name(len(unreadable)) != second {
		t.Errorf("operations %d, %q and %d, %q", first.ID, first.Name, second.ID, second.Name)
	}
}

// TestRecentBelongsToOneConfiguration uses the hooks of two configurations on one connection.
func TestRecentBelongsToOneConfiguration(t *testing.T) {
	t.Parallel()
	recent := new(Recent)
	sets := []*Operations{newOperations(200, nil), newOperations(200, nil)}
	for range 2 {
		for _, o := range sets {
			for _, ctx := range []context.Context{t.Context(), WithName(t.Context(), "get_user")} {
				if got := forQuery(ctx, o, "SELECT 1", recent); got != o.ByID(got.ID) {
					t.Errorf("%s is an operation of the other set", got.Name)
				}
			}
		}
	}
}

func TestRecentAsksUserEachTime(t *testing.T) {
	t.Parallel()
	calls := 0
	o := newOperations(200, func(context.Context, string) string { calls++; return fmt.Sprint("call", calls) })
	recent := new(Recent)
	for i := 1; i <= 3; i++ {
		if got := forQuery(t.Context(), o, "SELECT 1", recent).Name; got != fmt.Sprint("call", i) {
			t.Errorf("call %d: %s", i, got)
		}
	}
}
