package otelpool

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// framesOf returns frames with those function names, "package/path.function" with a file of the same folder.
func framesOf(functions ...string) []runtime.Frame {
	var frames []runtime.Frame
	for i, function := range functions {
		frames = append(frames, runtime.Frame{Function: function, File: "/home/me/src/shop/orders/orders.go", Line: i + 1})
	}
	return frames
}

func TestStackIsThatOfTheProgram(t *testing.T) {
	t.Parallel()
	const pool = "github.com/jackc/pgx/v5/pgxpool.(*Pool).Acquire"
	for _, tt := range []struct {
		name string
		all  []string
		want string
		skip []string
	}{
		{"main", []string{pool, "main.main", "runtime.main", "runtime.goexit"}, "main.main", nil},
		{"test", []string{pool, "acme.com/shop.TestX", "testing.tRunner", "runtime.goexit"}, "acme.com/shop.TestX", nil},
		{"handler", []string{pool, "acme.com/shop.handle", "net/http.HandlerFunc.ServeHTTP", "acme.com/shop.auth.func1",
			"net/http.HandlerFunc.ServeHTTP", "net/http.(*ServeMux).ServeHTTP", "net/http.serverHandler.ServeHTTP",
			"net/http.(*conn).serve", "runtime.goexit"}, "acme.com/shop.handle net/http.HandlerFunc.ServeHTTP acme.com/shop.auth.func1", nil},
		{"joined tracer", []string{"github.com/otelpool/otelpool-go/otelpool.(*hooks).TraceAcquireEnd",
			"github.com/jackc/pgx/v5/multitracer.(*Tracer).TraceAcquireEnd", pool, "main.f"}, "main.f", nil},
		{"database/sql", []string{pool, "github.com/jackc/pgx/v5/stdlib.connector.Connect", "database/sql.(*DB).conn",
			"database/sql.(*DB).retry", "database/sql.(*DB).QueryContext", "acme.com/shop.list", "runtime.goexit"}, "acme.com/shop.list", nil},
		{"pgx.BeginFunc", []string{pool, "github.com/jackc/pgx/v5.BeginFunc", "acme.com/shop.save", "runtime.goexit"}, "acme.com/shop.save", nil},
		{"use of database/sql further out", []string{pool, "a.b/c.f", "database/sql.(*Rows).Next", "a.b/c.g"}, "a.b/c.f database/sql.(*Rows).Next a.b/c.g", nil},
		{"module without a dot", []string{pool, "shop/http.f", "runtime.goexit"}, "shop/http.f", nil},
		{"module that is called as a standard package", []string{pool, "log.acme.com/x.f", "time.goFunc"}, "log.acme.com/x.f", nil},
		{"other package of pgx", []string{pool, "github.com/jackc/pgx/v5extra.f"}, "github.com/jackc/pgx/v5extra.f", nil},
		{"goroutine of database/sql", []string{pool, "github.com/jackc/pgx/v5/stdlib.connector.Connect",
			"database/sql.(*DB).openNewConnection", "runtime.goexit"},
			pool + " github.com/jackc/pgx/v5/stdlib.connector.Connect database/sql.(*DB).openNewConnection runtime.goexit", nil},
		{"GORM", []string{pool, "github.com/jackc/pgx/v5/stdlib.connector.Connect", "database/sql.(*DB).conn", "database/sql.(*DB).QueryContext",
			"gorm.io/gorm/callbacks.Query", "gorm.io/gorm.(*processor).Execute", "gorm.io/gorm.(*DB).Find", "acme.com/shop.list", "runtime.goexit"}, "acme.com/shop.list", nil},
		{"GORM's driver", []string{pool, "gorm.io/driver/postgres.Dialector.Initialize", "gorm.io/gorm.Open", "main.main"}, "main.main", nil},
		{"ent", []string{pool, "database/sql.(*DB).QueryContext", "entgo.io/ent/dialect/sql.Conn.Query", "entgo.io/ent/dialect/sql/sqlgraph.QueryNodes",
			"acme.com/shop/ent.(*UserQuery).All", "acme.com/shop.list"}, "acme.com/shop/ent.(*UserQuery).All acme.com/shop.list", nil},
		{"ent, generated code skipped", []string{pool, "database/sql.(*DB).QueryContext", "entgo.io/ent/dialect/sql.Conn.Query",
			"acme.com/shop/ent.(*UserQuery).All", "acme.com/shop/entry.f"}, "acme.com/shop/entry.f", []string{"acme.com/shop/ent"}},
		{"bun", []string{pool, "github.com/uptrace/bun.(*DB).QueryContext", "github.com/uptrace/bun.(*SelectQuery).Scan", "main.f"}, "main.f", nil},
		{"sqlx", []string{pool, "database/sql.(*DB).QueryContext", "github.com/jmoiron/sqlx.(*DB).QueryxContext", "github.com/jmoiron/sqlx.SelectContext", "main.f"}, "main.f", nil},
		{"River", []string{pool, "github.com/riverqueue/river/riverdriver/riverpgxv5.(*Executor).JobInsertFastMany", "github.com/riverqueue/river.(*Client[...]).Insert", "main.f"}, "main.f", nil},
		{"goose", []string{pool, "database/sql.(*DB).Conn", "github.com/pressly/goose/v3.(*Provider).initialize", "github.com/pressly/goose/v3.(*Provider).Up", "main.f"}, "main.f", nil},
		{"standard library within a library", []string{pool, "gorm.io/gorm.f", "sync.(*Once).doSlow", "sync.(*Once).Do", "gorm.io/gorm.g", "main.f"}, "main.f", nil},
		{"standard library within the program", []string{pool, "sync.(*Once).Do", "main.f"}, "sync.(*Once).Do main.f", nil},
		{"all skipped", []string{pool, "main.f", "runtime.goexit"}, pool + " main.f runtime.goexit", []string{"main"}},
		{"further package of the user's", []string{pool, "acme.com/db.Query", "acme.com/db/retry.Do[...]", "acme.com/dbx.f"}, "acme.com/dbx.f", []string{"acme.com/db/"}},
		{"dot in the last element", []string{pool, "acme.com/db%2ev3.F", "main.f"}, "main.f", []string{"acme.com/db.v3"}},
		{"empty prefix", []string{pool, "main.f"}, "main.f", []string{"", "/"}},
		{"none", nil, "", nil},
	} {
		var got []string
		for _, frame := range trim(framesOf(tt.all...), tt.skip) {
			got = append(got, frame.Function)
		}
		if got := strings.Join(got, " "); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestStackOfLogLineIsShort(t *testing.T) {
	t.Parallel()
	shop := "github.com/acme/shop/internal/orders."
	for _, tt := range []struct {
		name string
		all  []string
		want string
	}{
		{"one frame", []string{"main.f"}, "main.f (orders/orders.go:1)"},
		{"package and folder", []string{shop + "(*Store).List", shop + "Handler.func1"}, "orders.(*Store).List (orders/orders.go:1) < orders.Handler.func1 (orders/orders.go:2)"},
		{"standard library between", []string{shop + "handle", "net/http.HandlerFunc.ServeHTTP", shop + "auth"}, "orders.handle (orders/orders.go:1) < orders.auth (orders/orders.go:3)"},
		{"only the standard library", []string{"database/sql.(*DB).conn"}, "sql.(*DB).conn (orders/orders.go:1)"},
		{"dots in a path", []string{"gopkg.in/yaml%2ev3.F"}, "yaml%2ev3.F (orders/orders.go:1)"},
		{"major version", []string{"github.com/go-chi/chi/v5.(*Mux).routeHTTP"}, "chi/v5.(*Mux).routeHTTP (orders/orders.go:1)"},
		{"type parameters", []string{"a.b/c.Do[...]"}, "c.Do[...] (orders/orders.go:1)"},
		{"none", nil, ""},
	} {
		if got := formatFrames(framesOf(tt.all...)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	var deep []string
	for i := range 30 {
		deep = append(deep, fmt.Sprintf("%sMiddleware.func%d", shop, i))
	}
	got := formatFrames(framesOf(deep...))
	if len(got) > 350 || !strings.HasSuffix(got, " more") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// library has a method that passes for one of otelpool's own, as all methods of this package do.
type library struct {
	*stacks
	state *poolstate.Pool
}

// acquire keeps the stack of an acquire behind that many functions of a library, and returns it.
func (l *library) acquire(functions int) (kept []string) {
	if functions > 1 {
		return l.acquire(functions - 1)
	}
	a, _ := l.state.Begin(context.Background())
	c := l.state.NewConn(poolstate.Origin{})
	var callers [poolstate.MaxStack]uintptr
	reach := l.reach.Load()
	l.keep(a, c, callers[:runtime.Callers(2, callers[:reach])], reach)
	hold := poolstate.Hold{Acquire: a, Conn: c}
	stack := hold.Stack()
	frames := runtime.CallersFrames(stack)
	for range stack {
		frame, _ := frames.Next()
		kept = append(kept, frame.Function[strings.LastIndexByte(frame.Function, '.')+1:])
	}
	return kept
}

func newLibrary() *library {
	return &library{newStacks(nil), poolstate.New(poolstate.Config{Now: monotonic, MaxConns: 1 << 10})}
}

//go:noinline
func acquireByHelper(l *library, functions int) []string { return l.acquire(functions) }

//go:noinline
func acquireByHandler(l *library, functions int) []string { return acquireByHelper(l, functions) }

func TestStacksReachProgram(t *testing.T) {
	t.Parallel()
	const program = "acquire acquireByHelper acquireByHandler TestStacksReachProgram tRunner"
	for _, functions := range []int{3, 4, 5, 12, 29} {
		l := newLibrary()
		if kept := strings.Join(acquireByHandler(l, functions), " "); !strings.Contains(kept, program) {
			t.Errorf("behind %d functions: %s", functions, kept)
		}
		kept := strings.Join(acquireByHandler(l, functions), " ")
		if !strings.Contains(kept, program) {
			t.Errorf("behind %d functions, the second time: %s", functions, kept)
		}
		if functions > 3 && !strings.HasSuffix(kept, program) {
			t.Errorf("behind %d functions more is kept than four functions of the program: %s", functions, kept)
		}
		if kept := strings.Join(acquireByHandler(l, 3), " "); !strings.Contains(kept, program) {
			t.Errorf("behind 3 functions, after %d: %s", functions, kept)
		}
	}
}

func TestSitesAreBounded(t *testing.T) {
	t.Parallel()
	s := newStacks(nil)
	for pc := range uintptr(3 * maxSites) {
		s.set(pc, programCall)
		if sites := *s.sites.Load(); len(sites) > maxSites || sites[pc] != programCall {
			t.Fatalf("%d sites after %d", len(sites), pc)
		}
	}
}
