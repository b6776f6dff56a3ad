package diagnose_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// verdict is the first finding of a report, "" and "" if there is none.
type verdict struct {
	kind      diagnose.Kind
	operation string
}

// verdictOf is a test of the first finding after a change of a healthy report.
type verdictOf struct {
	name   string
	change func(*diagnose.Report)
	want   verdict
}

// ruleCases has reports for which each rule must return a finding, and similar ones for which it must not.
var ruleCases = []verdictOf{
	{"leak", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 3, IdleOutside: 3, OldestSeconds: 20})
	}, verdict{diagnose.Leak, "job"}},
	{"one that is kept, as for an advisory lock", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 1, IdleOutside: 1, OldestSeconds: 2000})
	}, verdict{}},
	{"listeners", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 3, IdleOutside: 3, OldestSeconds: 20, Listening: 3})
	}, verdict{}},
	{"long holds that end", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 3, IdleOutside: 3, OldestSeconds: 20})
		r.LastTenMinutes.Units = append(r.LastTenMinutes.Units, diagnose.Unit{Operation: "job", LongHoldsEnded: 4, Units: 4})
	}, verdict{}},
	{"rows that are left open", func(r *diagnose.Report) { openRows(r, 25) }, verdict{diagnose.Leak, "job"}},
	{"rows that are left open for long", func(r *diagnose.Report) {
		openRows(r, 2500)
		unit(&r.LastTenMinutes, "job").ResultOpen, unit(&r.LastTenMinutes, "job").Held = 3, 3
	}, verdict{diagnose.Leak, "job"}},
	{"rows that are read slowly", func(r *diagnose.Report) { openRows(r, 8) }, verdict{diagnose.SlowReader, "job"}},
	{"rows that are read slowly, and to their end", func(r *diagnose.Report) {
		openRows(r, 25)
		unit(&r.LastTenMinutes, "job").LongHoldsEnded = 4
	}, verdict{diagnose.SlowReader, "job"}},

	{"nested deadlock", deadlock, verdict{diagnose.NestedDeadlock, "GET /"}},
	{"nested acquires of which one timed out", func(r *diagnose.Report) {
		r.Holds = []diagnose.Holds{{Operation: "GET /", Count: 4, IdleOutside: 4}, {Operation: "inner", Count: 4, Running: 4, Nested: 4}}
		also(r, func(p *diagnose.Period) {
			unit(p, "GET /").NestedAcquires, p.NestedAcquires, p.Acquires["timeout"] = 5, 5, 1
		})
	}, verdict{diagnose.NestedAcquires, "GET /"}},
	{"nested acquires", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { unit(p, "GET /").NestedAcquires = 5; p.NestedAcquires = 5 })
	}, verdict{diagnose.NestedAcquires, "GET /"}},
	{"nested acquires long ago", func(r *diagnose.Report) { unit(&r.LastTenMinutes, "GET /").NestedAcquires = 5 }, verdict{}},
	{"nested acquires long ago, and a leak now", func(r *diagnose.Report) {
		deadlock(r)
		unit(&r.LastTenSeconds, "GET /").NestedAcquires, r.LastTenSeconds.NestedAcquires = 0, 0
		unit(&r.LastTenMinutes, "GET /").NestedAcquires = 2
	}, verdict{diagnose.Leak, "GET /"}},

	{"idle in transaction", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 1, IdleInTransaction: 1, OldestSeconds: 12})
		r.LastTenSeconds.Units = append(r.LastTenSeconds.Units, diagnose.Unit{Operation: "job", Held: 1, IdleInTransaction: 0.9})
	}, verdict{diagnose.IdleInTransaction, "job"}},
	{"a job whose transactions are long", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 1, IdleInTransaction: 1, OldestSeconds: 12})
		also(r, func(p *diagnose.Period) {
			p.Units = append(p.Units, diagnose.Unit{Operation: "job", Held: 1, IdleInTransaction: 0.9, LongHoldsEnded: 1, Units: 1})
		})
	}, verdict{}},
	{"idle in transaction before its victims", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 1, IdleInTransaction: 1, OldestSeconds: 12},
			diagnose.Holds{Operation: "POST /", Count: 7, Running: 7, OldestSeconds: 11, LastQueries: []string{"put"}})
		r.LastTenSeconds.Units = append(r.LastTenSeconds.Units, diagnose.Unit{Operation: "job", Held: 1, IdleInTransaction: 0.9})
		waiting(r)
	}, verdict{diagnose.IdleInTransaction, "job"}},

	{"held idle", func(r *diagnose.Report) {
		u := unit(&r.LastTenSeconds, "POST /")
		u.Held, u.IdleOutside, u.Units, u.Operations = 4, 3.5, 24, 24
	}, verdict{diagnose.HeldIdle, "POST /"}},
	{"held idle, the only connection", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.IdleOutside = 0.7 })
	}, verdict{diagnose.HeldIdle, "POST /"}},
	{"held idle, the only connection, while it waits for a second one", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.IdleOutside, u.NestedAcquires = 0.7, 3 })
	}, verdict{diagnose.NestedAcquires, "POST /"}},
	{"idle in transaction, the only connection", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.IdleInTransaction = 0.45 })
		holds(r, diagnose.Holds{Operation: "POST /", Count: 1, IdleInTransaction: 1, OldestSeconds: 0.6})
	}, verdict{diagnose.IdleInTransaction, "POST /"}},
	{"idle in transaction, but not at this moment", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.IdleInTransaction = 0.45 })
		holds(r, diagnose.Holds{Operation: "POST /", Count: 1, Running: 1, OldestSeconds: 0.1})
	}, verdict{diagnose.IdleInTransaction, "POST /"}},
	{"idle in transaction, while no caller holds the connection", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.IdleInTransaction = 0.45 })
		r.Holds = nil
	}, verdict{diagnose.IdleInTransaction, "POST /"}},
	{"idle in transaction, one of three connections", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.IdleInTransaction = 0.8 })
		r.Settings.MaxConns, r.Settings.BaseSize, r.Used, r.LastTenSeconds.Peak = 3, 3, 3, 3
		holds(r, diagnose.Holds{Operation: "POST /", Count: 1, IdleInTransaction: 1, OldestSeconds: 0.6})
	}, verdict{diagnose.IdleInTransaction, "POST /"}},
	{"slow reader of the only connection", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.ResultOpen = 0.7 })
	}, verdict{diagnose.SlowReader, "POST /"}},
	{"held idle as always", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) {
			u := unit(p, "POST /")
			u.Held, u.IdleOutside, u.Units, u.Operations = 4, 3.5, int64(2*p.Seconds), int64(2*p.Seconds)
		})
	}, verdict{}},
	{"slow reader", func(r *diagnose.Report) {
		u := unit(&r.LastTenSeconds, "GET /")
		u.Held, u.ResultOpen = 3, 2.8
	}, verdict{diagnose.SlowReader, "GET /"}},
	{"released in a transaction", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { unit(p, "POST /").ReleasedInTransaction = 8; churn(p, "in_transaction") })
	}, verdict{diagnose.TransactionOpen, "POST /"}},
	{"released busy", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { unit(p, "POST /").ReleasedBusy = 8; churn(p, "busy") })
	}, verdict{diagnose.ReleasedBusy, "POST /"}},

	{"slow operation", func(r *diagnose.Report) { operation(&r.LastTenSeconds, "put").Seconds *= 10 }, verdict{diagnose.SlowOperation, "put"}},
	{"slow operation, the only connection", func(r *diagnose.Report) {
		only(r, func(u *diagnose.Unit) { u.Running, u.Held = 0.2, 0.2 })
		operation(&r.LastTenSeconds, "put").Seconds += 2.4
		operation(&r.LastTenMinutes, "put").Seconds += 2.4
	}, verdict{diagnose.SlowOperation, "put"}},
	{"a slow operation that is rare", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { p.Operations = append(p.Operations, rare(p)) })
		r.LastTenSeconds.Operations[4].Seconds *= 20
	}, verdict{}},
	{"an operation that does not come back", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "POST /", Count: 3, Running: 3, OldestSeconds: 9, LastQueries: []string{"put"}})
	}, verdict{diagnose.SlowOperation, "put"}},
	{"slow server", slowServer, verdict{diagnose.ServerSlow, ""}},
	{"slow network", slowNetwork, verdict{diagnose.NetworkSlow, ""}},
	{"a busy program, and all seems slow", func(r *diagnose.Report) {
		slowNetwork(r)
		busyProgram(r, 0.01)
	}, verdict{diagnose.ProgramSlow, ""}},
	{"a busy program, while callers wait", func(r *diagnose.Report) {
		waiting(r)
		busyProgram(r, 0.003)
		r.LastTenMinutes.ProcessorWaitSeconds *= 60 // as before
	}, verdict{diagnose.ProgramSlow, ""}},
	{"a busy program whose calls are as quick as before", func(r *diagnose.Report) { busyProgram(r, 0.01) }, verdict{}},
	{"a slow server, and a program that is as busy as before", func(r *diagnose.Report) {
		slowServer(r)
		busyProgram(r, 0.003)
		r.LastTenMinutes.ProcessorWaitSeconds *= 60
	}, verdict{diagnose.ServerSlow, ""}},
	{"a lock, and a busy program", func(r *diagnose.Report) {
		operation(&r.LastTenSeconds, "put").Seconds += 0.1 * float64(operation(&r.LastTenSeconds, "put").Calls)
		busyProgram(r, 0.003)
	}, verdict{diagnose.SlowOperation, "put"}},
	{"a slow server, and a program that is hardly busy", func(r *diagnose.Report) {
		slowServer(r)
		busyProgram(r, 0.001)
	}, verdict{diagnose.ServerSlow, ""}},
	{"a leak in a busy program", func(r *diagnose.Report) {
		holds(r, diagnose.Holds{Operation: "job", Count: 3, IdleOutside: 3, OldestSeconds: 20})
		slowServer(r)
		busyProgram(r, 0.01)
	}, verdict{diagnose.Leak, "job"}},
	{"queries in a loop", func(r *diagnose.Report) {
		unit(&r.LastTenSeconds, "GET /").Operations *= 20
		operation(&r.LastTenSeconds, "get").Calls *= 30
		operation(&r.LastTenSeconds, "get").Seconds *= 30
	}, verdict{diagnose.QueriesPerUnit, "GET /"}},
	{"more calls", func(r *diagnose.Report) {
		u := unit(&r.LastTenSeconds, "GET /")
		u.Units, u.Operations, u.Held = 8*u.Units, 8*u.Operations, 3*u.Held
	}, verdict{diagnose.MoreCalls, "GET /"}},
	{"more calls of an operation of many", func(r *diagnose.Report) {
		operation(&r.LastTenSeconds, "get").Calls *= 8
		operation(&r.LastTenSeconds, "get").Seconds *= 8
	}, verdict{diagnose.MoreCalls, "get"}},
	{"retries", func(r *diagnose.Report) {
		op := operation(&r.LastTenSeconds, "put")
		op.Calls *= 10
		op.Failures = map[string]int64{"40001": op.Calls * 9 / 10}
	}, verdict{diagnose.RetryStorm, "put"}},
	{"failures", putFails("42P01", 1), verdict{diagnose.OperationFails, "put"}},
	{"failures of what is called every ten seconds", func(r *diagnose.Report) {
		seldom(r, 1)
	}, verdict{diagnose.OperationFails, "seldom"}},
	{"failures of what is called every ten seconds, until now", func(r *diagnose.Report) { seldom(r, 0) }, verdict{}},
	{"acquires that a hook refuses", func(r *diagnose.Report) {
		r.LastTenSeconds.Acquires["error"] = 1000
	}, verdict{diagnose.OperationFails, ""}},
	{"a few acquires that fail", func(r *diagnose.Report) { r.LastTenSeconds.Acquires["error"] = 4 }, verdict{}},
	{"a connection lost in a transaction", func(r *diagnose.Report) {
		r.LastTenSeconds.Operations = append(r.LastTenSeconds.Operations,
			diagnose.Operation{Operation: "ROLLBACK", Calls: 50, Failures: map[string]int64{"40001": 50}},
			diagnose.Operation{Operation: "load", Calls: 50, Failures: map[string]int64{"connection": 50}})
	}, verdict{}},
	{"sessions that the server ended", putFails("57P01", 1), verdict{}},
	{"transactions that deadlock", deadlocks(4), verdict{diagnose.OperationFails, "put"}},
	{"transactions that deadlock, with callers that wait", func(r *diagnose.Report) {
		waiting(r)
		deadlocks(4)(r)
		operation(&r.LastTenSeconds, "put").Seconds = 60
	}, verdict{diagnose.OperationFails, "put"}},
	{"a pool that is too small, with deadlocks", func(r *diagnose.Report) {
		waiting(r)
		deadlocks(4)(r)
		operation(&r.LastTenSeconds, "put").Seconds = 8
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a deadlock now and then", deadlocks(2), verdict{}},
	{"failures as always", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) {
			operation(p, "put").Failures = map[string]int64{"23505": operation(p, "put").Calls / 3}
		})
	}, verdict{}},
	{"short deadline of an operation", putFails("timeout", 2), verdict{diagnose.DeadlineTooShort, "put"}},
	{"slower than its deadline", func(r *diagnose.Report) {
		r.LastTenSeconds.Operations = append(r.LastTenSeconds.Operations, diagnose.Operation{Operation: "report", Calls: 12, Seconds: 12 * 0.15,
			Failures: map[string]int64{"57014": 12}})
		r.LastTenMinutes.Operations = append(r.LastTenMinutes.Operations, diagnose.Operation{Operation: "report", Calls: 630, Seconds: 612 * 0.06,
			Failures: map[string]int64{"57014": 12}})
	}, verdict{diagnose.SlowOperation, "report"}},
	{"slower, and canceled as always", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) {
			n := int64(p.Seconds)
			p.Operations = append(p.Operations, diagnose.Operation{Operation: "search", Calls: n, Seconds: 0.06 * float64(n),
				Failures: map[string]int64{"canceled": n / 2}})
		})
		operation(&r.LastTenSeconds, "search").Seconds *= 2.5
	}, verdict{}},
	{"short deadline of an operation that takes a second", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) {
			n := int64(p.Seconds)
			p.Operations = append(p.Operations, diagnose.Operation{Operation: "report", Calls: n, Seconds: 1.5 * float64(n)})
		})
		operation(&r.LastTenSeconds, "report").Failures = map[string]int64{"timeout": 9}
	}, verdict{diagnose.DeadlineTooShort, "report"}},
	{"a queue that takes the time of the calls", func(r *diagnose.Report) {
		putFails("timeout", 2)(r)
		waiting(r)
		r.LastTenSeconds.Acquires["timeout"] = 100
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a queue that takes the time of calls that are slower", func(r *diagnose.Report) {
		op := operation(&r.LastTenSeconds, "put")
		op.Failures, op.Seconds = map[string]int64{"timeout": op.Calls / 4}, 2.2*op.Seconds
		waiting(r)
		r.LastTenSeconds.Acquires["timeout"] = 100
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"callers whose time is nearly over when they get a connection", func(r *diagnose.Report) {
		waiting(r)
		p := &r.LastTenSeconds
		p.Acquires, p.Closed, p.Opened, p.Dials = map[string]int64{"ok": 60, "timeout": 900}, map[string]int64{"canceled": 50}, 55, 55
		p.WaitedSeconds["queue"], p.WaitedSeconds["ping"] = 900, 2
		r.Used, r.Closing, r.Constructing, r.Holds = 5, 5, 3, nil
	}, verdict{diagnose.DeadlineTooShort, ""}},
	{"short deadlines of acquires", func(r *diagnose.Report) {
		r.LastTenSeconds.Acquires["timeout"] = 500
	}, verdict{diagnose.DeadlineTooShort, ""}},

	{"refused", dialsFail("refused"), verdict{diagnose.ServerAway, ""}},
	{"full", dialsFail("53300"), verdict{diagnose.ServerFull, ""}},
	{"starting", dialsFail("57P03"), verdict{diagnose.ServerStarting, ""}},
	{"password", dialsFail("28P01"), verdict{diagnose.LoginRefused, ""}},
	{"database", dialsFail("3D000"), verdict{diagnose.LoginRefused, ""}},
	{"dns", dialsFail("dns"), verdict{diagnose.NameNotResolved, ""}},
	{"tls", dialsFail("tls"), verdict{diagnose.TLSFails, ""}},
	{"pooler", dialsFail("08P01"), verdict{diagnose.DialFails, ""}},
	{"hook", dialsFail("_OTHER"), verdict{diagnose.DialFails, ""}},
	{"silence", func(r *diagnose.Report) {
		unanswered(r, 9)
	}, verdict{diagnose.ServerAway, ""}},
	{"silence, and the server works for the pool", func(r *diagnose.Report) {
		unanswered(r, 9)
		r.Server = &diagnose.ServerState{}
		for pid := range uint32(8) {
			r.Server.Sessions = append(r.Server.Sessions, diagnose.Session{ProcessID: pid + 1, Ours: true, State: "active"})
		}
	}, verdict{diagnose.SlowOperation, "put"}},
	{"silence, and the server does not know that it was asked", func(r *diagnose.Report) {
		unanswered(r, 9)
		r.Server = &diagnose.ServerState{Sessions: []diagnose.Session{{ProcessID: 1, Ours: true, State: "idle"}}}
	}, verdict{diagnose.ServerAway, ""}},
	{"silence for a moment", func(r *diagnose.Report) {
		unanswered(r, 1)
		r.LastTenSeconds.Acquires["timeout"] = 300
		operation(&r.LastTenSeconds, "put").Failures = map[string]int64{"timeout": operation(&r.LastTenSeconds, "put").Calls / 3}
	}, verdict{diagnose.CallersTimeOut, ""}},
	{"silence, with short deadlines: all connections are being closed", func(r *diagnose.Report) {
		unanswered(r, 5)
		r.Holds, r.Closing = nil, 8
		for i := range r.LastTenSeconds.Operations {
			op := &r.LastTenSeconds.Operations[i]
			op.Failures, op.Seconds = map[string]int64{"timeout": op.Calls / 3}, 20*op.Seconds
		}
	}, verdict{diagnose.ServerAway, ""}},
	{"silence, with connections of which pgxpool has just given up the end", func(r *diagnose.Report) {
		unanswered(r, 16)
		r.Holds, r.Closing, r.Used, r.Constructing = nil, 0, 5, 3
	}, verdict{diagnose.ServerAway, ""}},
	{"silence for a second of a pool with few calls", func(r *diagnose.Report) {
		unanswered(r, 3)
		also(r, func(p *diagnose.Period) {
			for i := range p.Operations {
				p.Operations[i].Calls /= 100
			}
		})
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"silence in which all connections wait for one lock", func(r *diagnose.Report) {
		unanswered(r, 3)
		r.Holds = []diagnose.Holds{{Operation: "POST /", Count: 8, Running: 8, OldestSeconds: 3, LastQueries: []string{"put"}}}
	}, verdict{diagnose.SlowOperation, "put"}},
	{"silence between bursts", func(r *diagnose.Report) {
		unanswered(r, 9)
		r.Holds = []diagnose.Holds{{Operation: "GET /", Count: 8, Running: 8, OldestSeconds: 0.02, LastQueries: []string{"get", "list"}}}
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"dials that do not end", hangingDials, verdict{diagnose.ServerAway, ""}},
	{"dials that do not end, of a pool of one connection", func(r *diagnose.Report) {
		r.Settings.MaxConns, r.Settings.BaseSize = 1, 1
		hangingDials(r)
	}, verdict{diagnose.ServerAway, ""}},
	{"dials that do not end, after all that waited gave up", func(r *diagnose.Report) {
		hangingDials(r)
		r.LastTenSeconds.WaitedSeconds["queue"] = 5 * 50
		r.Waiting, r.OldestWaitSeconds = 1, 0.1
	}, verdict{diagnose.ServerAway, ""}},
	{"dials that do not end, since three seconds", func(r *diagnose.Report) {
		waiting(r)
		r.Used, r.Constructing, r.Holds = 0, 8, nil
	}, verdict{diagnose.ServerAway, ""}},
	{"dials that do not end, while the last connections are used", func(r *diagnose.Report) {
		waiting(r)
		r.Used, r.Constructing = 3, 5
		for i := range r.LastTenSeconds.Units {
			r.LastTenSeconds.Units[i].Held = 1.5
		}
	}, verdict{diagnose.ServerAway, ""}},
	{"dials that have begun just now, in a pool that is too small", func(r *diagnose.Report) {
		waiting(r)
		r.Used, r.Constructing = 3, 5
		for i := range r.LastTenSeconds.Units {
			r.LastTenSeconds.Units[i].Held = 4
		}
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a dial that has begun just now, in a pool of one connection that was held", func(r *diagnose.Report) {
		r.Settings.MaxConns, r.Settings.BaseSize = 1, 1
		hangingDials(r)
		work(&r.LastTenSeconds, "GET /", "get", 2, 5)
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a dial of a pool of one connection that callers wait for", func(r *diagnose.Report) {
		r.Settings.MaxConns, r.Settings.BaseSize = 1, 1
		waiting(r)
		r.Used, r.Constructing, r.Holds = 0, 1, nil
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"dials that always end late", func(r *diagnose.Report) {
		hangingDials(r)
		r.LastTenMinutes.Dials, r.LastTenMinutes.DialSeconds = 100, 150
	}, verdict{diagnose.CallersTimeOut, ""}},
	{"closing before the first dial fails", func(r *diagnose.Report) {
		waiting(r)
		r.Used, r.Closing, r.Holds = 8, 8, nil
	}, verdict{diagnose.ClosingFillPool, ""}},
	{"closed, and the places are not free yet", func(r *diagnose.Report) {
		replacing(r)
		r.LastTenSeconds.Operations = nil
	}, verdict{diagnose.CallersWait, ""}},
	{"closing", func(r *diagnose.Report) {
		r.Used, r.Closing, r.Holds, r.LastTenSeconds.Operations = 8, 7, nil, nil
		r.LastTenMinutes = r.LastTenSeconds
	}, verdict{diagnose.ClosingFillPool, ""}},
	{"closing, of a server that answers", func(r *diagnose.Report) {
		r.Used, r.Closing, r.Holds = 8, 7, nil
		operation(&r.LastTenSeconds, "put").Seconds *= 10
	}, verdict{diagnose.SlowOperation, "put"}},
	{"slow dials", func(r *diagnose.Report) {
		r.LastTenSeconds.Dials, r.LastTenSeconds.DialSeconds, r.LastTenSeconds.Opened = 3, 2, 3
		r.LastTenMinutes.Dials, r.LastTenMinutes.DialSeconds = 13, 2.1
	}, verdict{diagnose.SlowDial, ""}},
	{"dials of more than a second", func(r *diagnose.Report) {
		r.LastTenSeconds.Dials, r.LastTenSeconds.DialSeconds, r.LastTenSeconds.Opened = 1, 1.2, 1
	}, verdict{diagnose.SlowDial, ""}},
	{"slow hooks of new connections", func(r *diagnose.Report) {
		p := &r.LastTenSeconds
		p.Dials, p.DialSeconds, p.Opened, p.WaitedSeconds["connect"] = 8, 0.02, 8, 16
	}, verdict{diagnose.SlowDial, ""}},
	{"slow dials as always", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) {
			p.Dials, p.DialSeconds = int64(p.Seconds/10), 0.4*float64(int64(p.Seconds/10))
		})
	}, verdict{}},
	{"short lifetime", func(r *diagnose.Report) { also(r, func(p *diagnose.Period) { churn(p, "lifetime") }) }, verdict{diagnose.Churn, ""}},
	{"callers that give up, and so close connections, in a pool that is too small", func(r *diagnose.Report) {
		waiting(r)
		churnFelt(&r.LastTenSeconds, "canceled")
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"transactions that idle until the server ends them", func(r *diagnose.Report) {
		putFails("25P03", 1)(r)
		churnFelt(&r.LastTenSeconds, "broken")
		r.LastTenSeconds.WaitedSeconds["queue"] = 0.2 * float64(r.LastTenSeconds.Acquires["ok"])
	}, verdict{diagnose.OperationFails, "put"}},
	{"transactions that idle until the server ends them, while callers wait", func(r *diagnose.Report) {
		putFails("25P03", 1)(r)
		waiting(r)
	}, verdict{diagnose.OperationFails, "put"}},
	{"one Reset of the pool", func(r *diagnose.Report) {
		resets(&r.LastTenSeconds, r.Settings.MaxConns)
		resets(&r.LastMinute, r.Settings.MaxConns)
	}, verdict{}},
	{"a Reset of the pool again and again", func(r *diagnose.Report) {
		resets(&r.LastTenSeconds, r.Settings.MaxConns)
		resets(&r.LastMinute, 5*r.Settings.MaxConns)
	}, verdict{diagnose.Churn, ""}},
	{"connections that broke once, as by a failover", func(r *diagnose.Report) {
		for _, p := range []*diagnose.Period{&r.LastTenSeconds, &r.LastMinute} {
			p.Opened, p.Closed = 8, map[string]int64{"broken": 8}
		}
	}, verdict{}},
	{"connections that break again and again", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { churn(p, "broken") })
	}, verdict{diagnose.Churn, ""}},
	{"a PrepareConn that is slow", func(r *diagnose.Report) {
		prepares(r, 0.05)
	}, verdict{diagnose.PingCost, ""}},
	{"a PrepareConn that is slow, while callers wait", func(r *diagnose.Report) {
		prepares(r, 0.05)
		waiting(r)
	}, verdict{diagnose.PingCost, ""}},
	{"a PrepareConn that sets the role", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { p.WaitedSeconds["prepare"] = 0.002 * float64(p.Acquires["ok"]) })
		waiting(r)
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"pings", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { p.WaitedSeconds["ping"] = 0.01 * float64(p.Acquires["ok"]) })
	}, verdict{diagnose.PingCost, ""}},
	{"cold start", func(r *diagnose.Report) {
		startCold(r)
		r.LastTenSeconds = r.LastTenMinutes
	}, verdict{diagnose.ColdStart, ""}},
	{"cold start twenty seconds ago, and too small", func(r *diagnose.Report) {
		startCold(r)
		waiting(r)
	}, verdict{diagnose.PoolTooSmall, ""}},

	{"too small", waiting, verdict{diagnose.PoolTooSmall, ""}},
	{"too small from the beginning", func(r *diagnose.Report) {
		waiting(r)
		r.LastTenMinutes, r.LastMinute = r.LastTenSeconds, r.LastTenSeconds
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"units of work that take longer for a reason that is not found", func(r *diagnose.Report) {
		waiting(r)
		longer(r, 1.8)
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"more load, while units of work take a little longer", func(r *diagnose.Report) {
		waiting(r)
		longer(r, 1.2)
		r.LastTenSeconds.Acquires["ok"] = r.LastTenSeconds.Acquires["ok"] * 3 / 2
	}, verdict{diagnose.LoadGrown, ""}},
	{"more load for nearly ten minutes", func(r *diagnose.Report) {
		waiting(r)
		r.LastTenSeconds.Acquires["ok"] = r.LastTenSeconds.Acquires["ok"] * 6 / 5
		for i := range r.LastTenMinutes.Units {
			r.LastTenMinutes.Units[i].Held = 3.5
		}
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"callers that gave up in an outage that is over", func(r *diagnose.Report) {
		r.LastTenSeconds.Acquires["timeout"], r.LastTenSeconds.Peak = 400, 8
		r.LastTenSeconds.WaitedSeconds["queue"] = 2000
	}, verdict{diagnose.CallersTimeOut, ""}},
	{"more load", func(r *diagnose.Report) {
		waiting(r)
		r.LastTenSeconds.Acquires["ok"] *= 2
		for i := range r.LastTenSeconds.Units {
			r.LastTenSeconds.Units[i].Units *= 2
			r.LastTenSeconds.Units[i].Operations *= 2
		}
	}, verdict{diagnose.LoadGrown, ""}},
	{"too small, with a queue that stays", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) {
			p.Acquires["timeout"], p.Acquires["ok"] = p.Acquires["ok"]/5, p.Acquires["ok"]*4/5
			p.WaitedSeconds["queue"] = 4 * float64(p.Acquires["ok"]+p.Acquires["timeout"])
		})
		waiting(r)
		r.LastTenSeconds.WaitedSeconds["queue"] = 800 * r.LastTenSeconds.Seconds
		r.Waiting = 800
	}, verdict{diagnose.PoolTooSmall, ""}},
	{"a busy pool's ordinary queue", func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { p.WaitedSeconds["queue"], p.Peak = 0.03*float64(p.Acquires["ok"]), 8 })
	}, verdict{}},
	{"too big", func(r *diagnose.Report) {
		r.Settings.MaxConns, r.Settings.MinConns, r.Idle = 40, 40, 36
	}, verdict{diagnose.PoolTooBig, ""}},
	{"names capped", func(r *diagnose.Report) { r.LastTenSeconds.OperationsCapped = 9 }, verdict{diagnose.NamesCapped, ""}},

	{"two causes, the worse first", func(r *diagnose.Report) {
		operation(&r.LastTenSeconds, "put").Seconds *= 10
		dialsFail("28P01")(r)
		r.LastTenSeconds.Acquires["error"] = 5
	}, verdict{diagnose.LoginRefused, ""}},
}

func TestEachRuleFindsOnlyItsCause(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(ruleCases, unusual) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := healthy()
			tt.change(&r)
			found := diagnose.Findings(r)
			var got verdict
			if len(found) > 0 {
				got = verdict{found[0].Kind, found[0].Operation}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q; all: %+v", got, tt.want, found)
			}
		})
	}
}

// TestBusyProgramExplainsItsEffects has effects that are findings in a program that is not busy.
func TestBusyProgramExplainsItsEffects(t *testing.T) {
	t.Parallel()
	for kind, effect := range map[diagnose.Kind]func(*diagnose.Report){
		diagnose.NetworkSlow: slowNetwork,
		diagnose.HeldIdle: func(r *diagnose.Report) {
			u := unit(&r.LastTenSeconds, "POST /")
			u.Held, u.IdleOutside, u.Units, u.Operations = 4, 3.5, 24, 24
		},
		diagnose.SlowReader: func(r *diagnose.Report) {
			u := unit(&r.LastTenSeconds, "GET /")
			u.Held, u.ResultOpen = 3, 2.8
		},
		diagnose.SlowDial: func(r *diagnose.Report) {
			r.LastTenSeconds.Dials, r.LastTenSeconds.DialSeconds, r.LastTenSeconds.Opened = 1, 1.2, 1
		},
		diagnose.PoolTooSmall: func(*diagnose.Report) {},
	} {
		r := healthy()
		waiting(&r)
		effect(&r)
		isKind := func(f diagnose.Finding) bool { return f.Kind == kind }
		if found := diagnose.Findings(r); !slices.ContainsFunc(found, isKind) {
			t.Errorf("without a busy program: %+v, want %s", found, kind)
		}
		busyProgram(&r, 0.01)
		if found := diagnose.Findings(r); found[0].Kind != diagnose.ProgramSlow || slices.ContainsFunc(found, isKind) {
			t.Errorf("with a busy program: %+v, want %s and not %s", found, diagnose.ProgramSlow, kind)
		}
	}
}

func TestConsequencesComeLast(t *testing.T) {
	t.Parallel()
	r := healthy()
	holds(&r, diagnose.Holds{Operation: "job", Count: 8, IdleOutside: 8, OldestSeconds: 40})
	waiting(&r)
	r.LastTenSeconds.Acquires["timeout"] = 40
	var kinds []diagnose.Kind
	for _, f := range diagnose.Findings(r) {
		kinds = append(kinds, f.Kind)
	}
	if want := []diagnose.Kind{diagnose.Leak, diagnose.CallersTimeOut}; !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

// TestFailingOperationDoesNotExplainWaiting has callers wait for connections that are being replaced.
func TestFailingOperationDoesNotExplainWaiting(t *testing.T) {
	t.Parallel()
	r := healthy()
	replacing(&r)
	putFails("42P01", 1)(&r)
	found := diagnose.Findings(r)
	if len(found) != 2 || found[0].Kind != diagnose.OperationFails || found[1].Kind != diagnose.CallersWait || found[1].Consequence {
		t.Errorf("got %+v", found)
	}
}

func TestWaitingShowsCanceledAcquires(t *testing.T) {
	t.Parallel()
	r := healthy()
	replacing(&r)
	r.LastTenSeconds.Operations = nil
	r.LastTenSeconds.Acquires["canceled"] = 7
	f := diagnose.Findings(r)[0]
	if f.Kind != diagnose.CallersWait || !slices.Contains(f.Evidence, diagnose.Evidence{Name: "acquires canceled", Value: 7}) {
		t.Errorf("got %+v", f)
	}
}

// TestFullPoolWithoutHoldsBlamesHooks has connections that AfterRelease keeps, or whose slots a panic in a hook lost.
func TestFullPoolWithoutHoldsBlamesHooks(t *testing.T) {
	t.Parallel()
	for _, blames := range []bool{false, true} {
		r := healthy()
		waiting(&r)
		r.LastTenSeconds.Acquires["ok"] *= 2 // more traffic, too
		r.Holds = nil                        // between a release and the next acquire this is usual
		for i := range r.LastTenSeconds.Units {
			u := &r.LastTenSeconds.Units[i]
			if u.Held = 3; blames {
				u.Held, u.BusySeconds = 0.2, 2
			}
		}
		f := diagnose.Findings(r)[0]
		if got := strings.HasPrefix(f.Summary, "Hooks of the pool occupy all 8 connections") && strings.Contains(f.Advice, "AfterRelease"); got != blames {
			t.Errorf("blames hooks: %t, want %t: %+v", got, blames, f)
		}
		if blames && f.Kind != diagnose.PoolTooSmall {
			t.Errorf("got %q, want %q", f.Kind, diagnose.PoolTooSmall)
		}
	}
}

// holds adds holds to a report.
func holds(r *diagnose.Report, holds ...diagnose.Holds) { r.Holds = append(holds, r.Holds...) }

// openRows holds three connections with open rows for that many seconds.
func openRows(r *diagnose.Report, seconds float64) {
	holds(r, diagnose.Holds{Operation: "job", Count: 3, ResultOpen: 3, OldestSeconds: seconds})
	r.LastTenSeconds.Units = append(r.LastTenSeconds.Units, diagnose.Unit{Operation: "job", Held: 3, ResultOpen: 3})
	r.LastTenMinutes.Units = append(r.LastTenMinutes.Units, diagnose.Unit{Operation: "job", Held: 0.1, ResultOpen: 0.1})
}

// waiting makes callers wait for a full pool.
func waiting(r *diagnose.Report) {
	r.Used, r.Idle, r.Waiting, r.OldestWaitSeconds = r.Settings.MaxConns, 0, 20, 3
	r.LastTenSeconds.Peak = r.Settings.MaxConns
	r.LastTenSeconds.WaitedSeconds["queue"] = 0.5 * float64(r.LastTenSeconds.Acquires["ok"])
}

// unanswered makes the server answer nothing for that many seconds.
func unanswered(r *diagnose.Report, seconds float64) {
	waiting(r)
	r.SilentSeconds, r.OldestWaitSeconds = seconds, seconds
	r.Holds = []diagnose.Holds{
		{Operation: "GET /", Count: 5, Running: 5, OldestSeconds: seconds, LastQueries: []string{"get", "list"}},
		{Operation: "POST /", Count: 3, Running: 3, OldestSeconds: seconds, LastQueries: []string{"put"}},
	}
}

// hangingDials makes callers wait for dials that do not end.
func hangingDials(r *diagnose.Report) {
	waiting(r)
	r.Used, r.Constructing, r.Holds = 0, r.Settings.MaxConns, nil
	r.LastTenSeconds.Operations, r.LastTenSeconds.Units = nil, nil
	r.LastTenSeconds.Acquires = map[string]int64{"timeout": 50}
	r.LastTenSeconds.WaitedSeconds["queue"] = 0.3 * 50
}

// startCold makes the pool young, with first acquires that dialed.
func startCold(r *diagnose.Report) {
	r.LastTenMinutes = r.LastTenSeconds
	r.LastTenMinutes.WaitedSeconds = maps.Clone(r.LastTenSeconds.WaitedSeconds)
	r.LastTenMinutes.WaitedSeconds["connect"], r.LastTenMinutes.Opened = 3, 8
	r.LastTenMinutes.Dials, r.LastTenMinutes.DialSeconds = 8, 3
}

// longer makes units of work hold connections for longer.
func longer(r *diagnose.Report, times float64) {
	for i := range r.LastTenSeconds.Units {
		u := &r.LastTenSeconds.Units[i]
		u.Held, u.Running, u.BusySeconds = times*u.Held, times*u.Running, times*u.BusySeconds
	}
}

// deadlock makes all holders wait for a second connection.
func deadlock(r *diagnose.Report) {
	waiting(r)
	r.Waiting = 8
	r.Holds = []diagnose.Holds{{Operation: "GET /", Count: 8, IdleOutside: 8, OldestSeconds: 12}}
	also(r, func(p *diagnose.Period) { unit(p, "GET /").NestedAcquires, p.NestedAcquires = 8, 8 })
}

// churn closes and opens connections.
func churn(p *diagnose.Period, reason string) {
	p.Opened, p.Closed = int64(p.Seconds), map[string]int64{reason: int64(p.Seconds)}
}

// resets closes and opens connections by a Reset of the pool.
func resets(p *diagnose.Period, connections int64) {
	p.Opened, p.Closed = connections, map[string]int64{"other": connections}
}

// prepares makes PrepareConn run a new statement, for a third of the last ten seconds.
func prepares(r *diagnose.Report, mean float64) {
	n := r.LastTenSeconds.Acquires["ok"] / 3
	r.LastTenSeconds.WaitedSeconds["prepare"] = mean * float64(n)
	r.LastTenSeconds.Operations = append(r.LastTenSeconds.Operations, diagnose.Operation{Operation: "check", Calls: n, Seconds: mean * float64(n)})
}

// only makes callers wait for a pool of one connection that a unit of work holds nearly all the time.
func only(r *diagnose.Report, does func(*diagnose.Unit)) {
	r.Settings.MaxConns, r.Settings.BaseSize, r.Holds = 1, 1, nil
	also(r, func(p *diagnose.Period) {
		p.Units, p.Operations, p.Acquires["ok"] = nil, nil, 0
		work(p, "GET /", "get", int64(3*p.Seconds), 0.01)
		work(p, "POST /", "put", int64(0.3*p.Seconds), 0.01)
	})
	u := unit(&r.LastTenSeconds, "POST /")
	u.Held, u.Running = 0.8, 0.1
	does(u)
	waiting(r)
}

// TestFailuresOfManyOperationsAreOneFinding lets all writes fail on a replica, and another operation for another
// reason.
func TestFailuresOfManyOperationsAreOneFinding(t *testing.T) {
	t.Parallel()
	r := healthy()
	for i := range r.LastTenSeconds.Operations {
		op := &r.LastTenSeconds.Operations[i]
		op.Failures = map[string]int64{"25006": op.Calls}
	}
	r.LastTenSeconds.Operations = append(r.LastTenSeconds.Operations, diagnose.Operation{Operation: "new", Calls: 60, Failures: map[string]int64{"42P01": 60}})
	found := diagnose.Findings(r)
	if len(found) != 2 || found[0].Operation != "" || found[1].Operation != "new" ||
		found[0].Summary != `4 operations fail, mostly with 25006: "find", "get", "list" and 1 more.` || !strings.Contains(found[0].Advice, "read-only") {
		t.Errorf("got %+v", found)
	}
}

// TestOneShortDeadlineOfManyOperations has the server's statement_timeout end calls of all operations.
func TestOneShortDeadlineOfManyOperations(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{3: 3, 4: 1} {
		r := healthy()
		for i := range n {
			also(&r, func(p *diagnose.Period) {
				work(p, "GET /", fmt.Sprint("list ", i), 10*int64(p.Seconds), 0.05)
			})
			op := operation(&r.LastTenSeconds, fmt.Sprint("list ", i))
			op.Failures = map[string]int64{"57014": op.Calls / 2}
		}
		found := slices.DeleteFunc(diagnose.Findings(r), func(f diagnose.Finding) bool { return f.Kind != diagnose.DeadlineTooShort })
		if len(found) != want || !strings.Contains(found[0].Summary, "statement_timeout") || strings.Contains(found[0].Advice, "closes") {
			t.Errorf("%d operations: got %+v, want %d findings", n, found, want)
		}
	}
}

func TestWordsOfFindingDependOnCause(t *testing.T) {
	t.Parallel()
	slowRows := func(open float64) func(*diagnose.Report) {
		return func(r *diagnose.Report) {
			operation(&r.LastTenSeconds, "find").Seconds *= 10
			unit(&r.LastTenSeconds, "GET /").ResultOpen = open
		}
	}
	lifetime := func(seconds float64) func(*diagnose.Report) {
		return func(r *diagnose.Report) {
			r.Settings.MaxConnLifetimeSeconds = seconds
			churn(&r.LastTenSeconds, "lifetime")
		}
	}
	for _, tt := range []struct {
		name   string
		change func(*diagnose.Report)
		kind   diagnose.Kind
		words  string // with ! before them, words that must not be there
	}{
		{"slow rows", slowRows(1.5), diagnose.SlowOperation, "between two rows"},
		{"slow without open rows", slowRows(0), diagnose.SlowOperation, "!between two rows"},
		{"deadline of the caller", putFails("timeout", 2), diagnose.DeadlineTooShort, `Callers give up on 50 % of the calls of "put"`},
		{"statement_timeout", putFails("57014", 2), diagnose.DeadlineTooShort, "statement_timeout is too short"},
		{"writes after a failover", putFails("25006", 1), diagnose.OperationFails, "target_session_attrs"},
		{"idle transaction ended", putFails("25P03", 1), diagnose.OperationFails, "idle_in_transaction_session_timeout"},
		{"serialization", putFails("40001", 1), diagnose.OperationFails, "repeat"},
		{"deadlock", putFails("40P01", 1), diagnose.OperationFails, "same order"},
		{"lock timeout", putFails("55P03", 1), diagnose.OperationFails, "lock_timeout"},
		{"table missing", putFails("42P01", 1), diagnose.OperationFails, "migration"},
		{"prepared statement missing", putFails("26000", 1), diagnose.OperationFails, "max_prepared_statements"},
		{"prepared statement exists", putFails("42P05", 1), diagnose.OperationFails, "max_prepared_statements"},
		{"dial refused by PgBouncer", dialsFail("08P01"), diagnose.DialFails, "max_client_conn"},
		{"dial fails for an unknown reason", dialsFail("_OTHER"), diagnose.DialFails, "!max_client_conn"},
		{"short lifetime", lifetime(60), diagnose.Churn, "MaxConnLifetime is too short"},
		{"lifetime without jitter", lifetime(3600), diagnose.Churn, "MaxConnLifetimeJitter"},
	} {
		r := healthy()
		tt.change(&r)
		f := diagnose.Findings(r)[0]
		words, absent := strings.CutPrefix(tt.words, "!")
		if f.Kind != tt.kind || strings.Contains(f.Summary+"\n"+f.Advice, words) == absent {
			t.Errorf("%s: got %+v, want %q with %q", tt.name, f, tt.kind, tt.words)
		}
	}
}

// replacing makes callers wait while no connection is held and the pool replaces broken ones.
func replacing(r *diagnose.Report) {
	waiting(r)
	r.Holds, r.LastTenSeconds.Units = nil, nil
	r.LastMinute.Closed, r.LastMinute.Opened = map[string]int64{"broken": 9}, 1
}

// putFails makes every call of "put" fail, or every second one and so on.
func putFails(reason string, every int64) func(*diagnose.Report) {
	return func(r *diagnose.Report) {
		op := operation(&r.LastTenSeconds, "put")
		op.Failures = map[string]int64{reason: op.Calls / every}
	}
}

// seldom adds an operation that is called every ten seconds and failed in the last minute, with that many failures now.
func seldom(r *diagnose.Report, failures int64) {
	fails := func(n int64) map[string]int64 { return map[string]int64{"42P01": n} }
	for _, p := range []struct {
		of              *diagnose.Period
		calls, failures int64
	}{{&r.LastTenSeconds, 1, failures}, {&r.LastMinute, 6, 5 + failures}, {&r.LastTenMinutes, 63, 5 + failures}} {
		p.of.Operations = append(p.of.Operations, diagnose.Operation{Operation: "seldom", Calls: p.calls, Seconds: 0.01, Failures: fails(p.failures)})
	}
}

// refused closes connections before they are used, while callers wait. ok is the number of acquires that get one.
func refused(r *diagnose.Report, ok int64) {
	waiting(r)
	r.Used, r.Holds = 0, nil
	r.LastTenSeconds.Units, r.LastTenSeconds.Operations = nil, nil
	r.LastTenSeconds.Acquires = map[string]int64{"ok": ok, "timeout": 200}
	r.LastTenSeconds.Opened, r.LastTenSeconds.Closed = 220, map[string]int64{"other": 226}
	r.LastTenSeconds.WaitedSeconds["connect"] = 4
}

// TestRefusedConnectionsAreNotSmallPool lets PrepareConn or AfterRelease refuse connections.
func TestRefusedConnectionsAreNotSmallPool(t *testing.T) {
	t.Parallel()
	for _, ok := range []int64{0, 220, 4000} {
		r := healthy()
		refused(&r, ok)
		found := diagnose.Findings(r)
		small := slices.ContainsFunc(found, func(f diagnose.Finding) bool { return f.Kind == diagnose.PoolTooSmall || f.Kind == diagnose.LoadGrown })
		if few := ok < 1000; small == few || few && !strings.Contains(found[0].Advice, "PrepareConn") {
			t.Errorf("%d acquires got a connection: %+v", ok, found)
		}
	}
}

// churnFelt closes and opens so many connections that acquires wait for dials.
func churnFelt(p *diagnose.Period, reason string) {
	p.Opened, p.Dials, p.Closed = 1000, 1000, map[string]int64{reason: 1000}
	p.DialSeconds, p.WaitedSeconds["connect"] = 20, 20
}

// rare is an operation that is called every two seconds.
func rare(p *diagnose.Period) diagnose.Operation {
	n := int64(p.Seconds / 2)
	return diagnose.Operation{Operation: "rare", Calls: n, Seconds: 0.001 * float64(n)}
}

// deadlocks makes so many calls of an operation end in a deadlock, and all of them slower.
func deadlocks(n int64) func(*diagnose.Report) {
	return func(r *diagnose.Report) {
		op := operation(&r.LastTenSeconds, "put")
		op.Failures, op.Seconds = map[string]int64{"40P01": n}, op.Seconds+2*float64(n)
	}
}

func dialsFail(errorType string) func(*diagnose.Report) {
	return func(r *diagnose.Report) {
		also(r, func(p *diagnose.Period) { p.DialsFailed = map[string]int64{errorType: 7} })
	}
}

func slowServer(r *diagnose.Report) {
	for i := range r.LastTenSeconds.Operations {
		r.LastTenSeconds.Operations[i].Seconds *= 4
	}
}

func slowNetwork(r *diagnose.Report) {
	for i := range r.LastTenSeconds.Operations {
		op := &r.LastTenSeconds.Operations[i]
		op.Seconds += 0.02 * float64(op.Calls)
	}
}

// busyProgram makes each goroutine wait that many seconds for a processor.
func busyProgram(r *diagnose.Report, seconds float64) {
	r.LastTenSeconds.ProcessorWaits, r.LastTenSeconds.ProcessorWaitSeconds = 1000, 1000*seconds
	r.LastTenMinutes.ProcessorWaits, r.LastTenMinutes.ProcessorWaitSeconds = 60_000, 1000*seconds
}
