package poolstate

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// hijackPool is a pool of five connections with statistics that follow the test.
type hijackPool struct {
	*Pool
	*clock
	stat Stat
}

func newHijackPool() *hijackPool {
	p := &hijackPool{stat: Stat{Max: 5}}
	p.Pool, p.clock = newPool(func(c *Config) { c.MaxConns = 5 })
	p.Attach(p.read, 5, 5)
	return p
}

func (p *hijackPool) read() Stat { return p.stat }

// acquire holds a new connection, a millisecond after the last event.
func (p *hijackPool) acquire(t *testing.T) (*Acquire, *Conn) {
	p.pass(ms)
	a, c := begin(p.Pool, t.Context()), p.NewConn(Origin{})
	a.Enter(Connect)
	p.stat.Constructing++
	p.Opened(c)
	p.pass(ms)
	p.stat.Constructing--
	p.stat.Acquired++
	p.End(a, c, OK)
	return a, c
}

// reacquire holds a connection that was idle.
func (p *hijackPool) reacquire(t *testing.T, c *Conn) {
	p.pass(ms)
	a := begin(p.Pool, t.Context())
	p.stat.Acquired, p.stat.Idle = p.stat.Acquired+1, p.stat.Idle-1
	p.End(a, c, OK)
}

// hijack removes a connection from the pool without an event.
func (p *hijackPool) hijack() { p.pass(ms); p.stat.Acquired-- }

func (p *hijackPool) release(c *Conn) (ok bool) {
	p.pass(ms)
	_, _, ok = p.Release(c, KeptOpen)
	p.stat.Acquired, p.stat.Idle = p.stat.Acquired-1, p.stat.Idle+1
	return ok
}

// listen runs LISTEN on a connection.
func listen(c *Conn) {
	c.BeginCall(QueryCall, 1, RoleListen, 0, nil)
	c.EndCall(QueryCall, false, 0)
}

// checkHeld compares the connections that are held, and how many of them may be hijacked.
func (p *hijackPool) checkHeld(t *testing.T, when string, doubtful int64, want ...*Conn) {
	t.Helper()
	s := p.Snapshot(p.read)
	var got []*Conn
	var maybe int
	for _, h := range s.Holds {
		got = append(got, h.Conn)
		if h.MaybeHijacked {
			maybe++
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: holds %v, want %v", when, got, want)
	}
	check(t, when+": doubtful", s.Doubtful, doubtful)
	if doubtful > 0 {
		check(t, when+": may be hijacked", maybe, len(want))
	}
}

func TestHijackEndsOnlyHold(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, c := p.acquire(t)
	p.hijack()
	p.checkHeld(t, "hijacked", 0)
	check(t, "slots after a snapshot", p.acquires.slots.load().inUse, 1)
	p.Look()
	check(t, "slots", p.acquires.slots.load(), counts{})
	p.acquire(t)
	check(t, "closed", p.Snapshot(p.read).Closed[CloseHijacked], 1)
	runtime.KeepAlive(c)
}

// TestListenerIsHijackedHold has a leak, and a listener that hijacks its connection soon after.
func TestListenerIsHijackedHold(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, idle := p.acquire(t)
	_, leak := p.acquire(t)
	p.release(idle)
	p.reacquire(t, idle)
	p.hijack()
	p.checkHeld(t, "before LISTEN", 1, leak, idle)
	p.Look()
	listen(idle)
	p.checkHeld(t, "after LISTEN", 0, leak)
	p.Look()
	check(t, "in use", p.acquires.slots.load().inUse, 1)
	s := p.Snapshot(p.read)
	check(t, "oldest hold", s.OldestHold(), s.Now-s.Holds[0].Since)
}

// TestNewestIsHijackedHold acquires the listener's connection after a look.
func TestNewestIsHijackedHold(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, leak := p.acquire(t)
	p.pass(ms)
	p.Look()
	for range 3 { // the listener connects again
		p.acquire(t)
		p.hijack()
		p.checkHeld(t, "hijacked", 0, leak)
		p.Look()
	}
	s := p.Reconcile(p.read)
	check(t, "closed", s.Closed[CloseHijacked], 3)
	check(t, "peak", s.Peak, 2)
	check(t, "oldest hold", s.OldestHold(), p.now-s.Holds[0].Since)
}

// TestWrongHijackIsTakenBack hijacks the older of two connections. The newer one is assumed.
func TestWrongHijackIsTakenBack(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, older := p.acquire(t)
	_, newer := p.acquire(t) // opening it is a look
	p.hijack()
	p.Look()
	p.checkHeld(t, "at first", 0, older)
	_, next := p.acquire(t)
	p.Look()
	check(t, "release of the other", p.release(newer), true)
	p.checkHeld(t, "after the release", 0, next)
	p.release(next)
	p.Look()
	p.checkHeld(t, "after both releases", 0)
	check(t, "slots", p.acquires.slots.load(), counts{})
	p.reacquire(t, newer)
	p.checkHeld(t, "acquired again", 0, newer)
	check(t, "closed", p.Snapshot(p.read).Closed[CloseHijacked], 1)
}

func TestUnexplainedHijackIsFoundByReleases(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, first := p.acquire(t)
	_, second := p.acquire(t)
	_, third := p.acquire(t)
	p.pass(ms)
	p.Look() // all of them are old
	p.hijack()
	p.checkHeld(t, "hijacked", 1, first, second, third)
	p.Look()
	p.release(first)
	p.checkHeld(t, "one released", 1, second, third)
	_, fourth := p.acquire(t)
	s := p.Snapshot(p.read)
	check(t, "oldest hold is not too old", s.OldestHold(), p.now-s.Holds[1].Since)
	check(t, "a later hold is certain", s.Holds[2].MaybeHijacked, false)
	p.release(third)
	p.Look()
	p.checkHeld(t, "all but the hijacked released", 0, fourth)
	runtime.KeepAlive(second)
}

// TestHijackBesideUnexplainedOne hijacks a connection without an explanation, and then another soon after its acquire.
func TestHijackBesideUnexplainedOne(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, leak := p.acquire(t)
	_, first := p.acquire(t)
	p.pass(ms)
	p.Look() // both are old
	p.hijack()
	p.Look()
	_, second := p.acquire(t)
	p.hijack()
	p.checkHeld(t, "both hijacked", 1, leak, first)
	p.Look()
	p.checkHeld(t, "after a look", 1, leak, first)
	runtime.KeepAlive(second)
}

// TestAllIdleHijackHidesNoHold hijacks a connection that AcquireAllIdle took.
func TestAllIdleHijackHidesNoHold(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, c := p.acquire(t)
	_, leak := p.acquire(t)
	p.release(c)
	p.stat.Acquired, p.stat.Idle = 2, 0 // AcquireAllIdle
	p.hijack()
	for range 3 {
		p.pass(time.Second)
		p.Look()
		p.checkHeld(t, "hijacked", 0, leak)
	}
	check(t, "closed", p.Snapshot(p.read).Closed[CloseHijacked], 1)
	p.acquire(t)
	p.hijack()
	p.checkHeld(t, "another", 0, leak)
	runtime.KeepAlive(c)
}

func TestPingDoesNotHideHijack(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, c := p.acquire(t)
	p.release(c)
	p.acquire(t)
	p.hijack()
	a := begin(p.Pool, t.Context())
	p.stat.Acquired, p.stat.Idle = 1, 0
	c.Pinging(a, a.Enter(Ping))
	p.checkHeld(t, "while another is pinged", 0)
}

// TestClosingIsNotHijack closes connections slowly. Reset removes those that were idle from the statistics first.
func TestClosingIsNotHijack(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, held := p.acquire(t)
	_, broken := p.acquire(t)
	_, idle := p.acquire(t)
	p.release(idle)
	p.Release(broken, CloseBroken)
	p.checkHeld(t, "released", 0, held)
	done := make(chan struct{})
	p.Closed(broken, false, done)
	p.checkHeld(t, "while it is closed", 0, held)
	p.stat.Idle = 0 // Reset
	p.checkHeld(t, "reset", 0, held)
	p.Closed(idle, false, done)
	p.Look()
	p.checkHeld(t, "while the other is closed", 0, held)
	close(done)
	p.stat.Acquired = 1
	p.pass(time.Second)
	p.Look()
	p.checkHeld(t, "closed", 0, held)
	check(t, "hijacked", p.Snapshot(p.read).Closed[CloseHijacked], 0)
	check(t, "released", p.release(held), true)
}

// TestSlowCloseIsNotHijack lets Reset close idle connections slowly: they are neither idle nor acquired meanwhile. The
// pool counts others as acquired that nothing holds yet.
func TestSlowCloseIsNotHijack(t *testing.T) {
	t.Parallel()
	for name, acquire := range map[string]func(*testing.T, *hijackPool){
		"while an acquire is in PrepareConn": func(t *testing.T, p *hijackPool) { begin(p.Pool, t.Context()).Enter(Prepare) },
		"while AcquireAllIdle has one":       func(*testing.T, *hijackPool) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newHijackPool()
			_, held := p.acquire(t)
			_, idle := p.acquire(t)
			_, other := p.acquire(t)
			p.release(idle)
			p.release(other)
			p.stat.Acquired, p.stat.Idle = 2, 1
			acquire(t, p)
			p.stat.Idle = 0 // Reset
			p.Closed(idle, false, make(chan struct{}))
			for range 3 {
				p.pass(time.Second)
				p.checkHeld(t, "while it is closed", 0, held)
				p.Look()
			}
			check(t, "hijacked", p.Snapshot(p.read).Closed[CloseHijacked], 0)
			runtime.KeepAlive(other)
		})
	}
}

// TestDialIsNotHijack compares at each step of a dial.
func TestDialIsNotHijack(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, held := p.acquire(t)
	a, c := begin(p.Pool, t.Context()), p.NewConn(Origin{})
	steps := []struct {
		name string
		do   func()
	}{
		{"begun", func() {}},
		{"dialing for the pool", func() { p.stat.Constructing++ }},
		{"dialing", func() { a.Enter(Connect) }},
		{"opened", func() { p.Opened(c) }},
		{"acquired for the pool", func() { p.stat.Constructing--; p.stat.Acquired++ }},
	}
	for _, step := range steps {
		p.pass(ms)
		step.do()
		p.Look()
		p.checkHeld(t, step.name, 0, held)
	}
	p.End(a, c, OK)
	p.checkHeld(t, "acquired", 0, held, c)
}

func TestExactHijackIsCertain(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, older := p.acquire(t)
	_, newer := p.acquire(t)
	p.Hijacked(older)
	p.checkHeld(t, "before the pool loses it", 0, newer)
	p.hijack()
	p.Look()
	p.checkHeld(t, "after", 0, newer)

	// It was assumed before.
	p.hijack()
	p.Look()
	p.Hijacked(newer)
	check(t, "closed", p.Snapshot(p.read).Closed[CloseHijacked], 2)
	check(t, "slots", p.acquires.slots.load(), counts{})
}

func TestHijackInScopeIsNotNested(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	ctx := WithScope(context.Background(), "")
	_, leak := p.acquire(t)
	for range 3 {
		a, nested := p.Begin(ctx)
		check(t, "nested", nested, nil)
		c := p.NewConn(Origin{})
		p.Opened(c)
		p.stat.Acquired++
		p.End(a, c, OK)
		p.hijack()
	}
	runtime.KeepAlive(leak)
}

func TestHijackedConnIsNotBusy(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, c := p.acquire(t)
	p.hijack()
	p.Look()
	c.BeginCall(QueryCall, 1, RoleWork, 0, nil)
	c.EndCall(QueryCall, false, time.Second)
	check(t, "busy", c.used.busy, 0)
}

// TestReleaseDuringMistakenHijack releases a connection and acquires it again, while a look ends its hold.
func TestReleaseDuringMistakenHijack(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	a, c := p.acquire(t)
	check(t, "set aside", c.setAside(a, c.since()), true)
	check(t, "released", p.release(c), true)
	p.hijacked(a)
	p.reacquire(t, c)
	p.checkHeld(t, "acquired again", 0, c)
	check(t, "slots", p.acquires.slots.load(), counts{occupied: 1, inUse: 1})
	check(t, "closed", p.Snapshot(p.read).Closed[CloseHijacked], 0)
}

// TestMistakenHijackKeepsNextHoldConcurrentSafe sets a hold aside while it is released and the next begins.
func TestMistakenHijackKeepsNextHoldConcurrentSafe(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	a, c := p.acquire(t)
	for range 20000 {
		since, next := c.since(), new(Acquire)
		var ended sync.WaitGroup
		ended.Go(func() { c.setAside(a, since) })
		for c.held.Load() != nil { // until it is set aside, or this goroutine gives up
			if runtime.Gosched(); c.aside.Load() == nil {
				break
			}
		}
		if held, _ := c.endHold(); held == nil {
			c.takeBack()
		}
		c.hold(next, since+ms)
		ended.Wait()
		if got := c.since(); got != since+ms {
			t.Fatalf("held since %v, want %v", got, since+ms)
		}
		a = next
	}
}

// TestHijackBehindAcquireAllIdleCountsOnce lets AcquireAllIdle take as many connections as were hijacked. Until they
// are released, the hijacked connection seems to have had no hold.
func TestHijackBehindAcquireAllIdleCountsOnce(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, idle := p.acquire(t)
	_, kept := p.acquire(t)
	_, hijacked := p.acquire(t)
	p.release(idle)
	p.stat.Acquired, p.stat.Idle = p.stat.Acquired+1, p.stat.Idle-1
	p.hijack()
	for range 3 {
		p.Reconcile(p.read)
		p.pass(confirmInterval)
	}
	check(t, "behind", p.Snapshot(p.read).Closed[CloseHijacked], 1)
	p.stat.Acquired, p.stat.Idle = p.stat.Acquired-1, p.stat.Idle+1
	check(t, "in the open", p.Snapshot(p.read).Closed[CloseHijacked], 1)
	runtime.KeepAlive([]*Conn{idle, kept, hijacked})
}

// TestHijackAfterGarbageEndsNoOtherHold has an unexplained hijack. Its connection becomes garbage while the next is
// dialed and hijacked, so there is still one hijack to explain, but a different one.
func TestHijackAfterGarbageEndsNoOtherHold(t *testing.T) {
	t.Parallel()
	for name, cleanedUp := range map[string]bool{"garbage": false, "cleaned up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newHijackPool()
			_, kept := p.acquire(t)
			_, first := p.acquire(t)
			p.Reconcile(p.read)
			p.hijack()
			p.Reconcile(p.read)
			p.checkHeld(t, "after the first hijack", 1, kept, first)

			_, second := p.acquire(t)
			p.hijack()
			p.conns.remove(first) // as if its weak pointer had no value any more
			if cleanedUp {
				p.abandoned(first.counters)
			}
			p.Reconcile(p.read)
			p.checkHeld(t, "after the second", 1, kept, second)
			p.checkHeld(t, "once more", 1, kept, second)

			p.abandoned(first.counters)
			p.conns.remove(second)
			p.Reconcile(p.read)
			p.checkHeld(t, "when the second is garbage", 0, kept)
			p.abandoned(second.counters)
			p.checkHeld(t, "when it is cleaned up", 0, kept)
			runtime.KeepAlive([]*Conn{kept, first, second})
		})
	}
}

// TestStalledComparisonEndsNoOtherHold hijacks a new connection after a comparison has read the clock.
func TestStalledComparisonEndsNoOtherHold(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, kept := p.acquire(t)
	_, idle := p.acquire(t)
	p.release(idle)
	p.Look()
	now, stalled := p.acquires.now, false
	p.acquires.now = func() time.Duration {
		at := now()
		if !stalled {
			stalled = true
			p.reacquire(t, idle)
			p.hijack()
		}
		return at
	}
	p.Reconcile(p.read)
	p.checkHeld(t, "hijacked meanwhile", 0, kept)
	check(t, "noticed", p.conns.hijacked.Load(), 1)
	runtime.KeepAlive(idle)
}

// TestHijackDuringComparisonEndsNoOtherHold acquires and hijacks connections while comparisons run.
func TestHijackDuringComparisonEndsNoOtherHold(t *testing.T) {
	t.Parallel()
	start := time.Now()
	p, _ := newPool(func(c *Config) {
		c.MaxConns, c.Now = 5, func() time.Duration { return time.Since(start) + time.Second }
	})
	var mu sync.Mutex
	stat := Stat{Max: 5}
	change := func(acquired, idle int64) {
		mu.Lock()
		defer mu.Unlock()
		stat.Acquired, stat.Idle = stat.Acquired+acquired, stat.Idle+idle
	}
	read := func() Stat {
		mu.Lock()
		defer mu.Unlock()
		return stat
	}
	acquire := func() *Conn {
		c := p.NewConn(Origin{})
		p.Opened(c)
		change(0, 1)
		a := begin(p, t.Context())
		change(1, -1)
		p.End(a, c, OK)
		return c
	}
	kept := acquire()
	p.Attach(read, 5, 5)
	var hijacked []*Conn // none is garbage
	hijack := func() {
		for range 500 {
			hijacked = append(hijacked, acquire())
			change(-1, 0)
			p.Reconcile(read)
		}
	}
	testutil.During(hijack, func() {
		if p.Reconcile(read); kept.held.Load() == nil {
			t.Fatal("the hold of a connection that was not hijacked has ended")
		}
	})
	check(t, "hijacked, certain or not", p.Snapshot(read).Closed[CloseHijacked], int64(len(hijacked)))
	runtime.KeepAlive(hijacked)
}

// TestReleaseHidesNoGarbage acquires and releases a connection while a hijacked one is garbage.
func TestReleaseHidesNoGarbage(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, used := p.acquire(t)
	_, hijacked := p.acquire(t)
	p.conns.remove(hijacked) // as if its weak pointer had no value any more
	use := func() {
		for range 100_000 {
			a, _ := used.endHold()
			used.hold(a, time.Second)
		}
	}
	testutil.During(use, func() {
		if _, garbage, _ := p.conns.held(); garbage != 1 {
			t.Fatalf("%d connections of one are garbage", garbage)
		}
	})
	runtime.KeepAlive([]*Conn{used, hijacked})
}

// TestEndOfGarbageHidesNoHold compares while garbage connections are cleaned up.
func TestEndOfGarbageHidesNoHold(t *testing.T) {
	t.Parallel()
	p := newHijackPool()
	_, kept := p.acquire(t)
	defer runtime.KeepAlive(kept)
	for range 5000 {
		_, c := p.acquire(t)
		p.hijack()
		p.conns.remove(c) // as if its weak pointer had no value any more
		testutil.During(func() { p.abandoned(c.counters) }, func() {
			if _, missing := p.compareOnce(p.read); missing > 0 {
				t.Fatalf("%d connections of those that are held are missing", missing)
			}
		})
		runtime.KeepAlive(c)
	}
}
