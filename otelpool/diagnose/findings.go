package diagnose

import (
	"cmp"
	"slices"
)

// Findings returns what is wrong with the pool of a report: the worst first, consequences of others last. It returns
// nil if nothing is wrong, and for the zero Report. It does not modify the report or query the database.
//
// Words such as "slower" and "more" compare with the preceding ten minutes, or with the age of the pool if that is
// less. What has lasted longer counts as the pool's normal traffic.
func Findings(r Report) []Finding {
	v := newView(r)
	hushed := v.hushed()
	var all []Finding
	for _, rule := range rules {
		explains := func(f Finding) bool { return !f.Consequence && slices.Contains(rule.silent, f.Kind) }
		if slices.ContainsFunc(all, explains) || hushed && rule.kind != ServerAway && slices.Contains(rule.silent, ServerAway) {
			continue
		}
		v.found = all
		for _, f := range rule.find(v) {
			if f.Kind == "" {
				f.Kind = rule.kind
			}
			if f.Runbook == "" {
				f.Runbook = rule.runbook
			}
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// rank orders findings. Those of one rank stay in the order of the rules.
func rank(f Finding) int {
	if f.Consequence {
		return 3
	}
	return slices.Index([]Severity{Critical, Warning, Info}, f.Severity)
}

// rule finds one kind of trouble.
type rule struct {
	kind    Kind
	runbook string
	find    func(*view) []Finding

	// silent are the kinds that explain what the rule sees. The rule is skipped if one of them was found.
	silent []Kind
}

// rules are in the order of causes: a rule that explains others precedes them.
var rules = []rule{
	{BlockedOnServer, "PoolLongHolds", findBlocked, nil},
	{ServerFull, "FleetNearMaxConnections", findServerFull, nil},
	{DialFails, "PoolConnectErrors", findDialFailures, nil}, // and its more exact kinds
	{ServerAway, "PoolUnavailable", findSilence, slices.Concat(dialKinds, []Kind{BlockedOnServer})},
	{ClosingFillPool, "PoolClosing", findClosing, nil},

	{NestedDeadlock, "PoolNestedAcquires", findDeadlock, nil},
	{NestedAcquires, "PoolNestedAcquires", findNested, []Kind{NestedDeadlock}},
	{Leak, "PoolConnectionNotReturned", findLeaks, []Kind{NestedDeadlock}},
	{IdleInTransaction, "PoolConnectionNotReturned", findIdleInTransaction, []Kind{NestedDeadlock}},
	{ProgramSlow, "PoolOperationSlower", findProgramSlow, outage},
	{SlowReader, "PoolLongHolds", findSlowReaders, []Kind{ProgramSlow}},
	{HeldIdle, "PoolLongHolds", findHeldIdle, []Kind{NestedDeadlock, ProgramSlow}},
	{TransactionOpen, "PoolReleasedInTransaction", findTransactionOpen, nil},
	{ReleasedBusy, "PoolReleasedInTransaction", findReleasedBusy, nil},

	{RetryStorm, "PoolOperationsFail", findRetryStorms, outage},
	{OperationFails, "PoolOperationsFail", findFailures, outage},
	{ServerSlow, "PoolOperationSlower", findAllSlower, slices.Concat(outage, []Kind{ProgramSlow})}, // or NetworkSlow
	{SlowOperation, "PoolOperationSlower", findSlowOperations, slices.Concat(outage, alike)},
	{QueriesPerUnit, "PoolAcquireSlow", findQueriesPerUnit, outage},
	{MoreCalls, "PoolAcquireSlow", findMoreCalls, slices.Concat(outage, []Kind{QueriesPerUnit, RetryStorm})},
	{DeadlineTooShort, "PoolOperationsCanceled", findShortDeadlines, slices.Concat(outage, holdKinds, alike, []Kind{BlockedOnServer, SlowOperation})},

	{ColdStart, "PoolAcquireSlow", findColdStart, outage},
	{Churn, "PoolConnectionChurn", findChurn, slices.Concat(outage, []Kind{TransactionOpen, ReleasedBusy, DeadlineTooShort, ColdStart})},
	{SlowDial, "PoolAcquireSlow", findSlowDials, slices.Concat(outage, []Kind{ProgramSlow, ColdStart})},
	{PingCost, "PoolPingSlow", findPingCost, slices.Concat(outage, alike)},

	{LoadGrown, "PoolCallersWaiting", findTooSmall, causes}, // or PoolTooSmall
	{PoolTooBig, "PoolConnectionChurn", findTooBig, outage},
	{NamesCapped, "PoolOperationsFail", findNamesCapped, nil},
	{CallersWait, "PoolCallersWaiting", findCallersWait, nil}, // or CallersTimeOut
}

var (
	dialKinds = []Kind{ServerAway, ServerFull, ServerStarting, LoginRefused, NameNotResolved, TLSFails, DialFails}
	outage    = slices.Concat(dialKinds, []Kind{ClosingFillPool})
	alike     = []Kind{ProgramSlow, ServerSlow, NetworkSlow}
	holdKinds = []Kind{NestedDeadlock, Leak, IdleInTransaction, HeldIdle, SlowReader}

	// causes are the kinds that more connections would not cure.
	causes = slices.Concat(outage, holdKinds, alike, []Kind{BlockedOnServer, RetryStorm, SlowOperation, QueriesPerUnit, MoreCalls,
		SlowDial, ColdStart, DeadlineTooShort, PingCost})
)
