package otelpool

import (
	"context"
	"runtime"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

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
