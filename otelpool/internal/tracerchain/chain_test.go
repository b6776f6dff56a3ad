//lint:file-ignore SA1019 BeforeAcquire is deprecated, but pgxpool still calls it

package tracerchain

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
)

// wanted is the tracer that is looked for, and link one that passes events on.
type (
	wanted struct{ pgx.QueryTracer }
	link   struct{ Tracers }
)

func linkTo(next pgx.QueryTracer) *link { return &link{To(next)} }

func TestFindFollowsLinksAndMultitracer(t *testing.T) {
	t.Parallel()
	w := new(wanted)
	for _, tt := range []struct {
		name string
		in   pgx.QueryTracer
		want *wanted
	}{
		{"none", nil, nil},
		{"itself", w, w},
		{"another", &link{}, nil},
		{"below a link", linkTo(w), w},
		{"below two links", linkTo(linkTo(w)), w},
		{"in a multitracer", multitracer.New(linkTo(nil), w), w},
		{"below a link in a multitracer", multitracer.New(linkTo(nil), linkTo(w)), w},
		{"in a multitracer below a link", linkTo(multitracer.New(w)), w},
		{"in an empty multitracer", multitracer.New(), nil},
		{"in a nil multitracer", (*multitracer.Tracer)(nil), nil},
	} {
		if got, ok := Find[*wanted](tt.in); got != tt.want || ok != (tt.want != nil) {
			t.Errorf("%s: got %p, %t", tt.name, got, ok)
		}
	}
}

func TestPrepareConnReturnsHookOfPgxpool(t *testing.T) {
	t.Parallel()
	var called string
	current := func(context.Context, *pgx.Conn) (bool, error) { called = "PrepareConn"; return true, nil }
	deprecated := func(context.Context, *pgx.Conn) bool { called = "BeforeAcquire"; return false }
	for _, tt := range []struct {
		config pgxpool.Config
		want   string
		ok     bool
	}{
		{pgxpool.Config{}, "", false},
		{pgxpool.Config{PrepareConn: current}, "PrepareConn", true},
		{pgxpool.Config{BeforeAcquire: deprecated}, "BeforeAcquire", false},
		{pgxpool.Config{PrepareConn: current, BeforeAcquire: deprecated}, "PrepareConn", true},
	} {
		called = ""
		ok := false
		if hook := PrepareConn(&tt.config); hook != nil {
			ok, _ = hook(t.Context(), nil)
		}
		if called != tt.want || ok != tt.ok {
			t.Errorf("called %q, which returned %t, want %q, %t", called, ok, tt.want, tt.ok)
		}
	}
}
