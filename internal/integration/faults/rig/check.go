package rig

import (
	"maps"
	"testing"
)

// AwaitRest waits until no connection is in use, being dialed or being closed.
func (s *Side) AwaitRest(t testing.TB) {
	t.Helper()
	Eventually(t, s.Name+": the pool comes to rest", func() bool {
		stat := s.Pool.Stat()
		s.Counts.mu.Lock()
		open := s.Counts.opened - s.Counts.closed
		s.Counts.mu.Unlock()
		return stat.AcquiredConns() == 0 && stat.ConstructingConns() == 0 && int64(stat.TotalConns()) == open
	})
}

// CheckWhileUsed checks the relations that hold at any moment.
func (s *Side) CheckWhileUsed(t testing.TB) {
	t.Helper()
	m := s.Collect(t)
	most := float64(s.Pool.Stat().MaxConns())
	if used, peak := m.Value(t, "db.client.connection.count", "db.client.connection.state", "used"), m.Value(t, "pgxpool.peak"); used > most || peak > most || used > peak {
		t.Errorf("used %v, peak %v, of %v", used, peak, most)
	}
	pending, pendingPeak := m.Value(t, "db.client.connection.pending_requests"), m.Value(t, "pgxpool.pending.peak")
	if pending < 0 || pending > Callers || pendingPeak > Callers {
		t.Errorf("pending %v, peak %v, of %v callers", pending, pendingPeak, Callers)
	}
	if held := s.Inst.Held(); len(held) > int(most) {
		t.Errorf("%d held, of %v connections", len(held), most)
	}
	for _, p := range m {
		if p.Value < 0 {
			t.Errorf("%s%v is %v", p.Name, p.Labels, p.Value)
		}
	}
}

// Check compares the metrics of a pool at rest with its Stat and with the callers' counts.
func (s *Side) Check(t testing.TB) {
	t.Helper()
	m := s.Collect(t)
	s.checkGauges(t, m)
	s.Counts.mu.Lock()
	defer s.Counts.mu.Unlock()
	s.checkAcquires(t, m)
	same(t, "calls by operation and class", m.By("db.client.operation.duration", "db.query.summary", "error.type"), s.Counts.calls)
	same(t, "holds by operation", m.By("db.client.connection.use_time", "db.query.summary"), s.Counts.uses)
	same(t, "connections refused by class", m.By("pgxpool.connections.errors", "error.type"), s.Counts.refused)
	for name, want := range map[string]int64{
		"db.client.connection.create_time": s.Counts.opened,
		"pgxpool.connections.opened":       s.Counts.opened,
		"pgxpool.connections.closed":       s.Counts.closed,
	} {
		if got := int64(m.Total(name)); got != want {
			t.Errorf("%s is %d, the callers counted %d", name, got, want)
		}
	}
	refused := int64(0)
	for _, n := range s.Counts.refused {
		refused += n
	}
	if stat := s.Pool.Stat(); stat.NewConnsCount() != s.Counts.opened+refused {
		t.Errorf("pgx tried to open %d connections, the callers counted %d opened and %d refused", stat.NewConnsCount(), s.Counts.opened, refused)
	}
}

func (s *Side) checkGauges(t testing.TB, m Metrics) {
	t.Helper()
	stat := s.Pool.Stat()
	for name, want := range map[string]float64{
		"db.client.connection.max":              float64(stat.MaxConns()),
		"db.client.connection.idle.max":         float64(stat.MaxConns()),
		"db.client.connection.idle.min":         0,
		"db.client.connection.pending_requests": 0,
		"pgxpool.constructing":                  float64(stat.ConstructingConns()),
		"pgxpool.closing":                       0,
		"pgxpool.size":                          float64(stat.MaxConns()),
		"pgxpool.overflow":                      0,
		"pgxpool.overflow.max":                  0,
		"pgxpool.oldest_wait":                   0,
		"pgxpool.oldest_hold":                   0,
		"pgxpool.long_holds":                    0,
		"pgxpool.nested_acquires":               0,
		"pgxpool.operations.capped":             0,
	} {
		if got := m.Value(t, name); got != want {
			t.Errorf("at rest %s is %v, want %v", name, got, want)
		}
	}
	for state, want := range map[string]int32{"used": stat.AcquiredConns(), "idle": stat.IdleConns()} {
		if got := m.Value(t, "db.client.connection.count", "db.client.connection.state", state); got != float64(want) {
			t.Errorf("at rest %v %s, Stat says %d", got, state, want)
		}
	}
	if held := s.Inst.Held(); len(held) > 0 {
		t.Errorf("at rest held: %+v", held)
	}
	Eventually(t, "the peaks of a pool at rest are 0", func() bool {
		m := s.Collect(t)
		return m.Value(t, "pgxpool.peak") == 0 && m.Value(t, "pgxpool.pending.peak") == 0
	})
}

// checkAcquires compares acquires. The caller must hold the lock of the counts.
func (s *Side) checkAcquires(t testing.TB, m Metrics) {
	t.Helper()
	counted, either := maps.Clone(s.Counts.acquires), s.Counts.either
	measured := m.By("pgxpool.acquires", "result")
	if late := measured["timeout"] - counted["timeout"]; either > 0 && late >= 0 && late <= either {
		counted["timeout"] += late
		if failed := counted["error"] + either - late; failed > 0 {
			counted["error"] = failed
		}
	}
	same(t, "acquires by result", measured, nonzero(counted))
	if got := int64(m.Total("db.client.connection.wait_time")); got != counted["ok"] {
		t.Errorf("%d waits, the callers counted %d successful acquires", got, counted["ok"])
	}
	if got := int64(m.Total("db.client.connection.timeouts")); got != counted["timeout"] {
		t.Errorf("%d timeouts, the callers counted %d", got, counted["timeout"])
	}
}

func nonzero(m map[string]int64) map[string]int64 {
	maps.DeleteFunc(m, func(_ string, n int64) bool { return n == 0 })
	return m
}

func same(t testing.TB, what string, measured, counted map[string]int64) {
	t.Helper()
	for key, n := range counted {
		if measured[key] != n {
			t.Errorf("%s: %q was measured %d times, the callers counted %d", what, key, measured[key], n)
		}
	}
	for key, n := range measured {
		if _, known := counted[key]; !known {
			t.Errorf("%s: %q was measured %d times, the callers counted none", what, key, n)
		}
	}
}
