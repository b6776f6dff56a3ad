package diagnose_test

import "github.com/otelpool/otelpool-go/otelpool/diagnose"

// unusual has reports of unusual services that are healthy.
var unusual = []verdictOf{
	{"a report that runs on when the traffic of the day has ended", func(r *diagnose.Report) {
		quiet(r)
		holds(r, diagnose.Holds{Operation: "nightly", Count: 1, Running: 1, OldestSeconds: 300, LastQueries: []string{"COPY orders"}})
		r.LastTenSeconds.Units = []diagnose.Unit{{Operation: "nightly", Held: 1, Running: 1}}
	}, verdict{}},
	{"a call that takes longer than usual when the traffic has been moved away", lastCall, verdict{}},
	{"a worker whose only call takes a few seconds", func(r *diagnose.Report) {
		lastCall(r)
		r.SilentSeconds, r.Holds[0].OldestSeconds, r.LastTenMinutes.Peak = 8, 8, 1
	}, verdict{}},
	{"a worker whose only call does not end", func(r *diagnose.Report) {
		lastCall(r)
		r.LastTenMinutes.Peak = 1
	}, verdict{diagnose.ServerAway, ""}},
	{"the traffic of the morning", func(r *diagnose.Report) { r.LastTenMinutes = over(630, r.LastTenSeconds) }, verdict{}},
	{"the traffic of the morning, after some calls in the night", func(r *diagnose.Report) {
		r.LastTenMinutes = over(630, r.LastTenSeconds)
		operation(&r.LastTenMinutes, "get").Calls += 3
		operation(&r.LastTenMinutes, "get").Seconds += 0.003
		unit(&r.LastTenMinutes, "GET /").Units += 3
		unit(&r.LastTenMinutes, "GET /").Operations += 3
	}, verdict{}},
	{"the traffic of the morning, with the server less quick than at night", func(r *diagnose.Report) {
		for i := range r.LastTenMinutes.Operations {
			op := &r.LastTenMinutes.Operations[i]
			op.Calls /= 10
			op.Seconds /= 20
		}
		for i := range r.LastTenMinutes.Units {
			u := &r.LastTenMinutes.Units[i]
			u.Units, u.Operations, u.Held, u.Running, u.BusySeconds = u.Units/10, u.Operations/10, u.Held/20, u.Running/20, u.BusySeconds/20
		}
	}, verdict{}},
	{"the traffic of the morning after health checks, with callers that wait", func(r *diagnose.Report) {
		waiting(r)
		r.LastTenMinutes = over(630, r.LastTenSeconds)
		work(&r.LastTenMinutes, "health", "SELECT", 63, 0.001)
	}, verdict{diagnose.LoadGrown, ""}},
	{"a new caller of something that never came, with callers that wait", func(r *diagnose.Report) {
		waiting(r)
		work(&r.LastTenSeconds, "batch", "INSERT archive", 600, 0.08)
		work(&r.LastTenMinutes, "batch", "INSERT archive", 600, 0.08)
	}, verdict{diagnose.MoreCalls, "batch"}},
	{"a batch job of long statements, with callers that wait", func(r *diagnose.Report) {
		waiting(r)
		longJob(r, "batch", 6)
	}, verdict{diagnose.MoreCalls, "batch"}},
	{"a long statement, with callers that wait", func(r *diagnose.Report) {
		waiting(r)
		longJob(r, "batch", 1)
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a batch job of long statements, and no caller waits", func(r *diagnose.Report) {
		longJob(r, "batch", 4)
	}, verdict{}},
	{"a batch job of long statements all day, with callers that wait", func(r *diagnose.Report) {
		waiting(r)
		longJob(r, "batch", 6)
		work(&r.LastTenMinutes, "batch", "INSERT archive", 60, 60)
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a batch job in a pool that has nothing else to do", func(r *diagnose.Report) {
		empty(r)
		work(&r.LastTenSeconds, "batch", "INSERT archive", 600, 0.008)
		r.LastTenMinutes = over(630, r.LastTenSeconds)
	}, verdict{}},
	{"bursts that have begun in a pool that has nothing else to do", func(r *diagnose.Report) {
		empty(r)
		work(&r.LastTenSeconds, "burst", "get", 180, 0.02)
		work(&r.LastTenMinutes, "burst", "get", 240, 0.02)
		r.LastTenSeconds.WaitedSeconds["queue"] = 0.15 * 180
	}, verdict{}},
	{"bursts of more callers than there are connections, as in every minute", func(r *diagnose.Report) {
		empty(r)
		for _, p := range []*diagnose.Period{&r.LastTenSeconds, &r.LastMinute, &r.LastTenMinutes} {
			n := 24 * int64(max(1, p.Seconds/60))
			work(p, "refresh", "get", n, 0.3)
			p.WaitedSeconds["queue"], p.Peak, p.PeakWaiting = 0.3*float64(n), 8, 16
		}
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a batch job beside the traffic", func(r *diagnose.Report) {
		work(&r.LastTenSeconds, "batch", "INSERT archive", 600, 0.008)
		work(&r.LastTenMinutes, "batch", "INSERT archive", 600, 0.008)
	}, verdict{}},
	{"operations of 50 µs on a busy machine", func(r *diagnose.Report) {
		for i := range r.LastTenMinutes.Operations {
			ten, now := &r.LastTenMinutes.Operations[i], &r.LastTenSeconds.Operations[i]
			now.Seconds, ten.Seconds = 0.00015*float64(now.Calls), 0.00005*float64(ten.Calls)
		}
	}, verdict{}},
	{"the leader of a service that has just started", func(r *diagnose.Report) {
		empty(r)
		r.Settings.MaxConns, r.Settings.BaseSize = 4, 4
		r.LastTenSeconds.Seconds = 8
		leads(r, 8)
		r.LastTenMinutes = r.LastTenSeconds
	}, verdict{}},
	{"the first half second of a pool", func(r *diagnose.Report) {
		empty(r)
		r.Used, r.Idle = 2, 0
		r.LastTenSeconds = idle(0.5)
		r.LastTenSeconds.Units = []diagnose.Unit{{Operation: "start", Held: 2, IdleOutside: 2}}
		r.LastTenMinutes = r.LastTenSeconds
	}, verdict{}},
	{"the leader of a pool with one connection", func(r *diagnose.Report) {
		empty(r)
		r.Settings.MaxConns, r.Settings.BaseSize = 1, 1
		leads(r, 90000)
	}, verdict{}},
	{"a leader as always, and a pool that is too small", func(r *diagnose.Report) {
		waiting(r)
		leads(r, 90000)
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a leader as always in a small pool that is too small", func(r *diagnose.Report) {
		r.Settings.MaxConns, r.Settings.BaseSize = 4, 4
		waiting(r)
		leads(r, 90000)
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a job with long transactions as always, and a pool that is too small", func(r *diagnose.Report) {
		waiting(r)
		holds(r, diagnose.Holds{Operation: "job", Count: 1, IdleInTransaction: 1, OldestSeconds: 12})
		also(r, func(p *diagnose.Period) {
			p.Units = append(p.Units, diagnose.Unit{Operation: "job", Held: 1, IdleInTransaction: 0.9, LongHoldsEnded: 1, Units: 1})
		})
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"an export that is streamed to a client", func(r *diagnose.Report) {
		empty(r)
		r.Settings.MaxConns, r.Settings.BaseSize = 4, 4
		r.Used = 1
		holds(r, diagnose.Holds{Operation: "export", Count: 1, ResultOpen: 1, OldestSeconds: 40, LastQueries: []string{"SELECT orders"}})
		r.LastTenSeconds.Units = []diagnose.Unit{{Operation: "export", Held: 1, ResultOpen: 0.9, Running: 0.1}}
	}, verdict{}},
	{"one call that takes longer than the others of its name", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "POST /", Count: 1, Running: 1, OldestSeconds: 9, LastQueries: []string{"put"}})
	}, verdict{}},
	{"one call that does not come back", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "POST /", Count: 1, Running: 1, OldestSeconds: 90, LastQueries: []string{"put"}})
	}, verdict{diagnose.SlowOperation, "put"}},
	{"a far server, whose connections last for an hour", func(r *diagnose.Report) {
		r.LastTenSeconds.Dials, r.LastTenSeconds.DialSeconds, r.LastTenSeconds.Opened = 1, 0.4, 1
		r.LastTenSeconds.WaitedSeconds["connect"] = 0.4
	}, verdict{}},
	{"few calls, each of which pings the connection that was idle", func(r *diagnose.Report) {
		empty(r)
		also(r, func(p *diagnose.Period) {
			n := int64(p.Seconds)
			work(p, "GET /", "get", n, 0.003)
			p.WaitedSeconds["ping"] = 0.002 * float64(n)
		})
	}, verdict{}},
	{"inserts of what exists, that come more often", func(r *diagnose.Report) {
		fails := func(op *diagnose.Operation) { op.Failures = map[string]int64{"23505": op.Calls * 6 / 10} }
		operation(&r.LastTenSeconds, "put").Calls *= 4
		fails(operation(&r.LastTenSeconds, "put"))
		fails(operation(&r.LastTenMinutes, "put"))
	}, verdict{}},
	{"inserts of what exists, by a pool that has just started", func(r *diagnose.Report) {
		op := operation(&r.LastTenSeconds, "put")
		op.Failures = map[string]int64{"23505": op.Calls * 4 / 10}
		r.LastTenMinutes = r.LastTenSeconds
	}, verdict{}},
	{"a broken operation of a new release", func(r *diagnose.Report) {
		r.LastTenSeconds.Operations = append(r.LastTenSeconds.Operations,
			diagnose.Operation{Operation: "new", Calls: 60, Seconds: 0.06, Failures: map[string]int64{"42P01": 60}})
	}, verdict{diagnose.OperationFails, "new"}},
	{"searches that users give up as they type, as always", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) {
			operation(p, "find").Failures = map[string]int64{"canceled": operation(p, "find").Calls * 4 / 10}
		})
	}, verdict{}},
	{"a burst in a pool of one connection, between two looks", func(r *diagnose.Report) {
		empty(r)
		r.Settings.MaxConns, r.Settings.BaseSize = 1, 1
		also(r, func(p *diagnose.Period) {
			n := 20 * int64(p.Seconds/10)
			work(p, "refresh", "get", n, 0.009)
			p.Units[0].Held, p.Units[0].Running = 0, 0
			p.WaitedSeconds["queue"], p.Peak = 0.08*float64(n), 1
		})
	}, verdict{}},
	{"both operations of a small service are slower", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { p.Operations = p.Operations[:2] })
		for i := range r.LastTenSeconds.Operations {
			r.LastTenSeconds.Operations[i].Seconds *= 5
		}
	}, verdict{diagnose.ServerSlow, ""}},
	{"a report without settings", func(r *diagnose.Report) { r.Settings = diagnose.Settings{} }, verdict{}},
}

// empty makes the report one of a pool that was not used for ten minutes.
func empty(r *diagnose.Report) {
	r.Used, r.Idle, r.Holds = 0, 4, nil
	r.LastTenSeconds, r.LastMinute, r.LastTenMinutes = idle(12), idle(66), idle(630)
}

// idle returns a period in which nothing happened.
func idle(seconds float64) diagnose.Period {
	return diagnose.Period{Seconds: seconds, Acquires: map[string]int64{}, WaitedSeconds: map[string]float64{}}
}

// quiet ends the traffic of a report.
func quiet(r *diagnose.Report) {
	r.Used, r.Idle, r.Holds = 1, 7, nil
	r.LastTenSeconds = idle(12)
}

// lastCall ends the traffic of a report except for one running call.
func lastCall(r *diagnose.Report) {
	quiet(r)
	r.SilentSeconds = 14
	holds(r, diagnose.Holds{Operation: "POST /", Count: 1, Running: 1, OldestSeconds: 14, LastQueries: []string{"put"}})
	r.LastTenSeconds.Units = []diagnose.Unit{{Operation: "POST /", Held: 1, Running: 1}}
}

// over returns a longer period with the same events.
func over(seconds float64, p diagnose.Period) diagnose.Period {
	long := p
	long.Seconds = seconds
	long.Units, long.Operations = nil, append([]diagnose.Operation{}, p.Operations...)
	for _, u := range p.Units {
		part := p.Seconds / seconds
		u.Held, u.Running, u.IdleInTransaction, u.IdleOutside = u.Held*part, u.Running*part, u.IdleInTransaction*part, u.IdleOutside*part
		long.Units = append(long.Units, u)
	}
	return long
}

// work adds units of work of one operation each.
func work(p *diagnose.Period, unit, operation string, n int64, mean float64) {
	p.Acquires["ok"] += n
	p.Operations = append(p.Operations, diagnose.Operation{Operation: operation, Calls: n, Seconds: float64(n) * mean})
	held := float64(n) * mean / p.Seconds
	p.Units = append(p.Units, diagnose.Unit{Operation: unit, Held: held, Running: held, Units: n, Operations: n, BusySeconds: float64(n) * mean})
}

// longJob adds units of work that are new and hardly end.
func longJob(r *diagnose.Report, unit string, connections int64) {
	holds(r, diagnose.Holds{Operation: unit, Count: connections, Running: connections, OldestSeconds: 9, LastQueries: []string{"INSERT archive"}})
	n := float64(connections)
	r.LastTenSeconds.Units = append(r.LastTenSeconds.Units, diagnose.Unit{Operation: unit, Held: n, Running: n})
}

// leads adds a connection that is held forever, for an advisory lock.
func leads(r *diagnose.Report, seconds float64) {
	r.Used = max(r.Used, 1)
	r.Holds = append(r.Holds, diagnose.Holds{Operation: "SELECT", Count: 1, IdleOutside: 1, OldestSeconds: seconds, LastQueries: []string{"SELECT"}})
	also(r, func(p *diagnose.Period) {
		p.Units = append(p.Units, diagnose.Unit{Operation: "SELECT", Held: 1, IdleOutside: 1})
	})
}
