package otelpool

import (
	"maps"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// stacks captures the stacks of acquires. Each caller costs up to 0.1 µs, so a stack normally only reaches the first
// functions of the program. After a long hold, later acquires at the same place have whole stacks. It is safe for
// concurrent use.
type stacks struct {
	skip  []string     // of WithStackSkip
	reach atomic.Int32 // how many callers are taken first

	mu    sync.Mutex                       // held to replace the map
	sites atomic.Pointer[map[uintptr]site] // by return address; the map is never changed
}

// site is a place in the code that calls a function.
type site uint8

const (
	libraryCall site = iota + 1
	programCall
	suspectCall // of the program, and a hold that was acquired there was long
)

const (
	// poolCallers are the callers of TraceAcquireEnd in Pool.Acquire: that itself, and a deferred function.
	poolCallers = 2

	// programCallers are those of the program: enough for a store, a service and the handler that called it.
	programCallers = 4

	// minReach also has Pool.Query or another function of pgx.
	minReach = poolCallers + 1 + programCallers

	// maxSites bounds the table of sites.
	maxSites = 1 << 10
)

func newStacks(skip []string) *stacks {
	s := &stacks{skip: skip}
	s.reach.Store(minReach)
	s.sites.Store(&map[uintptr]site{})
	return s
}

// keep keeps the stack of an acquire that is about to end with the connection. taken are the callers of keep's caller.
// There are as many as asked for, or fewer if the stack ended.
func (s *stacks) keep(a *poolstate.Acquire, c *poolstate.Conn, taken []uintptr, asked int32) {
	at, is := s.program(taken)
	if int32(len(taken)) < asked || is == programCall && at+programCallers <= len(taken) {
		c.KeepStack(a, taken)
		return
	}
	var whole [poolstate.MaxStack]uintptr
	n := runtime.Callers(3, whole[:])
	c.KeepStack(a, whole[:n])
	if is == suspectCall {
		return
	}
	if at, is = s.program(whole[:n]); is != libraryCall {
		s.reach.Store(max(s.reach.Load(), min(int32(at)+programCallers, poolstate.MaxStack)))
	}
}

// program returns where a stack reaches the program, and what is known of that site. It is a libraryCall if it does not.
func (s *stacks) program(stack []uintptr) (int, site) {
	sites := *s.sites.Load()
	for i := poolCallers; i < len(stack); i++ {
		is := sites[stack[i]]
		if is == 0 {
			is = s.look(stack[i])
		}
		if is != libraryCall {
			return i, is
		}
	}
	return 0, libraryCall
}

// look finds out what a site is.
func (s *stacks) look(pc uintptr) site {
	is := programCall
	if frame, _ := runtime.CallersFrames([]uintptr{pc}).Next(); own(frame.Function, s.skip) || standard(frame.Function) {
		is = libraryCall
	}
	s.set(pc, is)
	return is
}

func (s *stacks) set(pc uintptr, is site) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sites := maps.Clone(*s.sites.Load())
	if len(sites) >= maxSites {
		clear(sites)
	}
	sites[pc] = is
	s.sites.Store(&sites)
}

// suspect makes later acquires at the place of a long hold have whole stacks. s may be nil.
func (s *stacks) suspect(h poolstate.Hold) {
	if s == nil {
		return
	}
	stack := h.Stack()
	if at, is := s.program(stack); is == programCall {
		s.set(stack[at], suspectCall)
	}
}
