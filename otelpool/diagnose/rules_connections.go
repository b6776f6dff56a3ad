package diagnose

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// dialFailure says what failed dials of some error types mean.
type dialFailure struct {
	kind    Kind
	types   []string // of error.type; a prefix if it ends with *
	summary string
	advice  string
}

var dialFailures = []dialFailure{
	{ServerFull, []string{"53300"}, "the server, the role or the database has reached its limit of connections",
		"Find out who has the connections (pg_stat_activity by usename and application_name), and which limit is reached: max_connections, or the CONNECTION LIMIT of the role or the database. " +
			"Close idle connections, lower MaxConns until the pools of all instances together stay below the limit, or put a pooler in front of the server."},
	{ServerStarting, []string{"57P*"}, "the server is starting, stopping or recovering",
		"Wait until it is up; if that takes long, read the server's log."},
	{LoginRefused, []string{"28*", "3D000", "42501"}, "the server refuses the password, the role or the database",
		"Compare the service's credentials and database with the server's. The usual cause is a rotated password."},
	{NameNotResolved, []string{"dns"}, "the server's name cannot be resolved",
		"Check the host in the configuration, and DNS."},
	{TLSFails, []string{"tls"}, "the TLS handshake fails",
		"Check the server's certificate (its expiry, its names, its issuer) and sslmode."},
	{ServerAway, []string{"refused", "timeout", "connection"}, "nothing answers at the server's address",
		"Check whether the server runs, and whether a firewall, a proxy or a failover is in the way."},
	{DialFails, []string{"08P01"}, "a pooler such as PgBouncer refuses the connection",
		"The first error is in the program's log, in a line with \"connection could not be opened\"; PgBouncer's log has it too. If PgBouncer cannot log in to the server, check the server. " +
			"If it does not know the database or a startup parameter, compare the connection string with its databases and ignore_startup_parameters. If it has no more connections, raise max_client_conn."},
	{DialFails, []string{"*"}, "the log says why",
		"Look for \"connection could not be opened\" in the program's log: that line has the first error. An error returned by BeforeConnect or AfterConnect counts too."},
}

func (d dialFailure) covers(errorType string) bool {
	return slices.ContainsFunc(d.types, func(t string) bool {
		prefix, open := strings.CutSuffix(t, "*")
		return t == errorType || open && strings.HasPrefix(errorType, prefix)
	})
}

func findDialFailures(v *view) (all []Finding) {
	left := maps.Clone(v.now.DialsFailed)
	total := float64(sum(left))
	for _, d := range dialFailures {
		var n int64
		var seen []string
		for _, errorType := range slices.Sorted(maps.Keys(left)) {
			if d.covers(errorType) {
				n += left[errorType]
				seen = append(seen, errorType)
				delete(left, errorType)
			}
		}
		if n == 0 || float64(n) < 0.1*total || v.hasKind(d.kind) {
			continue
		}
		f := Finding{
			Kind:     d.kind,
			Severity: v.bad(Warning),
			Summary:  fmt.Sprintf("No new connection can be opened: %s (%s).", d.summary, strings.Join(seen, ", ")),
			Advice:   d.advice,
			Evidence: []Evidence{
				{Name: "dials failed", Value: float64(n)},
				{Name: "connections opened", Value: float64(v.now.Opened)},
				{Name: "acquires failed", Value: float64(v.now.Acquires["error"])},
			},
		}
		if v.now.Opened > 0 {
			f.Summary = fmt.Sprintf("Some new connections could not be opened in the last %.0f s: %s (%s).", v.now.Seconds, d.summary, strings.Join(seen, ", "))
		}
		if v.now.Acquires["error"] > 0 {
			f.Severity = Critical
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return int(b.Evidence[0].Value - a.Evidence[0].Value) })
	return all
}

// findSilence finds that nothing answers: neither dials nor operations end.
func findSilence(v *view) []Finding {
	if found := findNoAnswers(v); found != nil {
		return found
	}
	return findHangingDials(v)
}

// findHangingDials finds that dials do not end while callers wait.
func findHangingDials(v *view) []Finding {
	wait := max(v.OldestWaitSeconds, v.meanQueue()) // callers may all have given up a moment ago
	got, usual := ratio(float64(v.now.Acquires["ok"]), v.now.Seconds), ratio(float64(v.past.Acquires["ok"]), v.past.Seconds)
	half := v.Constructing > 0 && 2*v.Constructing >= v.Settings.MaxConns
	// Holds have not filled the pool for some time, or nothing is held now. Otherwise the dials have just begun, and
	// callers wait for another reason.
	hanging := held(v.now)+float64(v.Constructing) <= float64(v.Settings.MaxConns)+0.5 || v.onlyDials()
	if !hanging || v.Constructing == 1 && got > 0.3*usual {
		return nil
	}
	if !half || v.now.Dials+v.now.Opened > 0 || v.now.Seconds < minAverage || wait < max(2, 3*dialTime(v.LastTenMinutes)) {
		return nil
	}
	return []Finding{{
		Severity: Critical,
		Summary: fmt.Sprintf("Dials hang: the pool is opening %s, none was opened in the last %.0f s, and callers have waited for %s.",
			v.ofPool(v.Constructing), v.now.Seconds, printable.Seconds(wait)),
		Advice: "Check whether the server runs, whether a firewall, a proxy or a failover is in the way, and whether a BeforeConnect hook waits for something else. " +
			"Set connect_timeout (ConnectTimeout), so that such dials end.",
		Evidence: []Evidence{
			{Name: "connections being opened", Value: float64(v.Constructing)},
			{Name: "acquires that wait", Value: float64(v.Waiting)},
			{Name: "oldest wait", Value: v.OldestWaitSeconds, Unit: "s"},
		},
	}}
}

// findNoAnswers finds that the server answers nothing, while operations run or connections are being opened or closed.
func findNoAnswers(v *view) []Finding {
	n, running := v.unanswered()
	if !v.silent() || !v.hushed() {
		return nil
	}
	if n == 1 && running == 1 && v.SilentSeconds < 10 { // one call may have more to do than the others
		return nil
	}
	if float64(2*n) < min(v.expected(), float64(v.LastTenMinutes.Peak)) { // the callers are gone too
		return nil
	}
	var waits []string
	for _, what := range []struct {
		n                      int64
		noun, singular, plural string
	}{
		{running, "operation", "runs", "run"},
		{v.Closing, "connection", "is being closed", "are being closed"},
		{v.Constructing, "connection", "is being opened", "are being opened"},
	} {
		if what.n != 0 {
			waits = append(waits, countThat(what.n, what.noun, what.singular, what.plural))
		}
	}
	return []Finding{{
		Severity: Critical,
		Summary:  fmt.Sprintf("The server does not answer: nothing has come back for %s, while %s.", printable.Seconds(v.SilentSeconds), strings.Join(waits, " and ")),
		Advice: "Check whether the server and the network work: a firewall may drop the packets of connections that it no longer knows. If both work, find out " +
			"what the server's sessions wait for: one lock may block all of them.",
		Evidence: []Evidence{
			{Name: "time without an answer", Value: v.SilentSeconds, Unit: "s"},
			{Name: "operations that run", Value: float64(running)},
			{Name: "connections closing", Value: float64(v.Closing)},
			{Name: "connections being opened", Value: float64(v.Constructing)},
			{Name: "acquires that wait", Value: float64(v.Waiting)},
		},
	}}
}

func findClosing(v *view) []Finding {
	if v.Closing < max(2, v.Settings.MaxConns/2) {
		return nil
	}
	return []Finding{{
		Severity:    v.bad(Warning),
		Consequence: v.compares() && !v.silent() || v.hasKind(ServerAway), // otherwise the server is only slow to close many
		Summary:     fmt.Sprintf("The pool is closing %s, which still take their slots: the server or the network does not answer.", v.ofPool(v.Closing)),
		Advice: "pgx waits up to 15 s for the server when it closes a connection after a canceled query. Check whether the server and the network work; " +
			"the pool recovers by itself.",
		Evidence: []Evidence{
			{Name: "connections closing", Value: float64(v.Closing)},
			{Name: "connections in use", Value: float64(v.Used)},
			{Name: "acquires that wait", Value: float64(v.Waiting)},
		},
	}}
}

// dialTime returns how long a dial takes on average.
func dialTime(p Period) float64 { return ratio(p.DialSeconds, float64(p.Dials)) }

// openTime returns how long it takes on average to open a connection, including its hooks if acquires waited for them.
func openTime(p Period) float64 {
	return max(dialTime(p), ratio(p.WaitedSeconds["connect"], float64(p.Opened)))
}

func findSlowDials(v *view) []Finding {
	mean, before := openTime(v.now), openTime(v.past)
	slower := before > 0 && mean >= 3*before // connecting to a distant server always takes long
	if mean < 0.25 || mean < 1 && !slower {
		return nil
	}
	f := Finding{
		Severity: Info,
		Summary:  fmt.Sprintf("Opening a connection takes %s.", printable.Seconds(mean)),
		Advice:   "Check DNS, TLS, the authentication method, the server's load and any proxies. MinIdleConns opens connections before they are needed; a longer MaxConnLifetime opens fewer.",
		Evidence: []Evidence{
			v.was("time to open a connection", mean, before, "s"),
			v.was("time of its dial", dialTime(v.now), dialTime(v.past), "s"),
			{Name: "dials", Value: float64(v.now.Dials)},
			{Name: "time that acquires waited for dials", Value: v.now.WaitedSeconds["connect"], Unit: "s"},
		},
	}
	if dial := dialTime(v.now); dial > 0 && mean >= 2*dial {
		f.Summary = fmt.Sprintf("Opening a connection takes %s, of which the dial takes %s: the rest is spent in the hooks BeforeConnect and AfterConnect, or in dials that were given up.",
			printable.Seconds(mean), printable.Seconds(dial))
		f.Advice = "Find out what the hooks wait for, such as an access token or statements, and reuse the result while it is valid. MinIdleConns opens connections before they are needed."
	}
	if v.now.WaitedSeconds["connect"] > 0 {
		f.Severity = v.bad(Warning)
	}
	return []Finding{f}
}

func findColdStart(v *view) []Finding {
	young, connect := v.LastTenMinutes, v.LastTenMinutes.WaitedSeconds["connect"]
	if young.Seconds > 30 || connect < 0.5 || openTime(young) < 0.1 || sum(young.Closed) > 0 {
		return nil
	}
	if v.now.Opened == 0 { // they are open by now
		return nil
	}
	return []Finding{{
		Severity: v.bad(Info),
		Summary: fmt.Sprintf("The pool started cold: the first callers waited for %s to be opened, %s in total.",
			count(young.Opened, "connection"), printable.Seconds(connect)),
		Advice: "Set MinConns or MinIdleConns to what the service needs immediately, and accept traffic only when these connections are open.",
		Evidence: []Evidence{
			{Name: "connections opened", Value: float64(young.Opened)},
			{Name: "time that acquires waited for dials", Value: connect, Unit: "s"},
			{Name: "time to open a connection", Value: openTime(young), Unit: "s"},
		},
	}}
}

// churnAdvice is the advice by the reason for which most connections were closed.
var churnAdvice = map[string]string{
	"lifetime": "MaxConnLifetime is too short: half an hour or an hour is common.",
	"idle":     "MaxConnIdleTime is too short, or MinIdleConns too low, for traffic that comes in bursts.",
	"overflow": "PoolSize is below what the normal traffic needs: raise it, and leave the overflow for bursts.",
	"canceled": "Callers cancel operations, and pgx closes their connections: give them more time, or set BuildContextWatcherHandler to cancel through the server.",
	"other":    "The program closes them: PrepareConn or AfterRelease returns false, or pool.Reset is called. Find out why.",
	"broken":   "Connections break: check the server's log, and the idle timeouts of proxies and firewalls.",
	"ping":     "Idle connections are dead when they are used again, probably because a proxy or firewall closes them: set MaxConnIdleTime below its timeout.",
}

func findChurn(v *view) []Finding {
	closed := float64(sum(v.now.Closed))
	opened := float64(v.now.Opened)
	if opened < 5 || ratio(opened, v.now.Seconds) < 0.4 || closed < 0.5*opened {
		return nil
	}
	reason := most(v.now.Closed)
	once := slices.Contains([]string{"other", "broken", "ping"}, reason) // one pool.Reset, or one failover
	if n := v.now.Closed[reason]; once && n <= v.Settings.MaxConns && n == v.LastMinute.Closed[reason] {
		return nil
	}
	connect := ratio(v.now.WaitedSeconds["connect"], float64(sum(v.now.Acquires)))
	f := Finding{
		Severity: Info,
		Summary: fmt.Sprintf("Connections do not last: %.0f were opened and %.0f closed in %.0f s, mostly for the reason %q.",
			opened, closed, v.now.Seconds, reason),
		Advice: churnAdvice[reason],
		Evidence: []Evidence{
			v.was("connections opened", ratio(opened, v.now.Seconds), ratio(float64(v.past.Opened), v.past.Seconds), "1/s"),
			{Name: "closed for that reason", Value: float64(v.now.Closed[reason])},
			{Name: "average wait for a dial", Value: connect, Unit: "s"},
		},
	}
	if f.Advice == "" {
		f.Advice = "Check pgxpool.connections.closed by reason, and find out who closes them."
	}
	if reason == "lifetime" && v.Settings.MaxConnLifetimeSeconds >= 10*60 { // all were opened together, so they end together
		f.Advice = "The connections were opened together and so expire together: set MaxConnLifetimeJitter to a part of MaxConnLifetime."
	}
	ended := func(c change) bool { return c.failures["25P03"] > 0 } // by the server, in a transaction that was idle
	f.Consequence = reason == "canceled" && v.pressed || reason == "broken" && slices.ContainsFunc(v.ops, ended)
	// If callers notice the usual churn only now, the cause is slow dials.
	usual := ratio(opened, v.now.Seconds) < 2*ratio(float64(v.past.Opened), v.past.Seconds)
	if slower := openTime(v.now) >= 3*openTime(v.past); connect >= 0.005 && !(usual && slower) {
		f.Severity = v.bad(Warning)
	}
	return []Finding{f}
}

// spends reports whether connections are closed before or right after their first use, for a reason that size does not
// cure.
func (v *view) spends() bool {
	n := sum(v.now.Closed) - v.now.Closed["overflow"] - v.now.Closed["canceled"]
	return n >= 5 && 2*n >= v.now.Acquires["ok"]
}

// work returns the time of all operations.
func (v *view) work() (seconds float64) {
	for _, op := range v.now.Operations {
		seconds += op.Seconds
	}
	return seconds
}

// slowHook reports whether PrepareConn takes longer than setting a role or a tenant.
func (v *view) slowHook() bool {
	ok, prepare := float64(v.now.Acquires["ok"]), v.now.WaitedSeconds["prepare"]
	return ok >= 10 && prepare >= max(0.01*ok, 0.2*v.work(), v.now.WaitedSeconds["ping"])
}

func findPingCost(v *view) []Finding {
	ok, work := float64(v.now.Acquires["ok"]), v.work()
	ping, prepare := v.now.WaitedSeconds["ping"], v.now.WaitedSeconds["prepare"]
	slowHook := v.slowHook()
	if !slowHook && (ok < 10 || ping < 0.001*ok || ping < 0.2*work || ping < 0.05*v.now.Seconds && ping < 0.01*ok) {
		return nil
	}
	f := Finding{
		Severity: v.bad(Info),
		Summary:  fmt.Sprintf("Pings before use take %s per acquire, %.0f %% of the time of the operations themselves.", printable.Seconds(ping/ok), 100*ratio(ping, work)),
		Advice:   "Ping only connections that were idle for a while (pgxpool's default is a second), or none, and retry on a broken connection; or run the service closer to the server.",
		Evidence: []Evidence{
			{Name: "time of pings", Value: ping, Unit: "s"},
			{Name: "time of PrepareConn", Value: prepare, Unit: "s"},
			{Name: "time of operations", Value: work, Unit: "s"},
			{Name: "acquires", Value: ok},
		},
	}
	if slowHook {
		f.Summary = fmt.Sprintf("PrepareConn (or BeforeAcquire) takes %s per acquire, and occupies a connection during that time.", printable.Seconds(prepare/ok))
		f.Advice = "Move to AfterConnect what a connection needs only once. If PrepareConn calls another service, let it reuse the last answer instead of calling in each acquire."
	}
	return []Finding{f}
}
