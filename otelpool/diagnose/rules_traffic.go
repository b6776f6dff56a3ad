package diagnose

import "fmt"

func findQueriesPerUnit(v *view) (all []Finding) {
	for _, u := range v.units {
		if !v.compares() || u.now.Units < 3 || u.perUnit < 5 || u.wasPer <= 0 || u.perUnit < 3*u.wasPer {
			continue
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: u.name,
			Summary: fmt.Sprintf("%s runs %.0f operations each time, %.0f times as many as before: it seems to run a query in a loop.",
				named(u.name), u.perUnit, u.perUnit/u.wasPer),
			Advice: "Read all rows in one query (a join, or WHERE id = ANY($1)), or send the queries in one batch.",
			Evidence: []Evidence{
				v.was("operations each time", u.perUnit, u.wasPer, ""),
				v.was("times", u.rate, u.was, "1/s"),
				v.was("connections held", u.now.Held, u.past.Held, ""),
			},
		})
	}
	return all
}

func findMoreCalls(v *view) (all []Finding) {
	if !v.compares() {
		return nil
	}
	var rate, was float64 // of all
	for _, u := range v.units {
		rate += u.rate
	}
	for _, u := range v.past.Units {
		was += ratio(float64(u.Units), v.past.Seconds)
	}
	for _, u := range v.units {
		if rate == u.rate && was == u.was { // the only unit of work
			continue
		}
		more := u.rate >= 3*u.was && u.now.Units >= 20 && (u.now.Held-u.past.Held >= v.share(0.15) || v.pressed)
		if !more && !v.crowdsOut(u) || u.past.Units < rare && !v.appeared(rate-u.rate, was-u.was) {
			continue
		}
		if u.rate >= 2*v.growthOfOthers(u.name)*u.was { // last, because it is the most expensive
			all = append(all, moreCalls(v, u.name, u.rate, u.was, u.now.Held, u.past.Held))
		}
	}
	if len(all) > 0 {
		return all
	}
	usual := v.growthOfOthers("")
	for _, c := range v.ops {
		more := len(v.ops) > 1 && c.rate >= 3*c.was && c.rate >= 2*usual*c.was && c.calls >= 20 &&
			(c.load-c.wasLoad >= v.share(0.15) || v.pressed && c.load-c.wasLoad >= 0.3)
		if more && !v.prepares(c) && (c.was*v.past.Seconds >= rare || v.appeared(v.callRate()-c.rate, v.wasCallRate()-c.was)) {
			all = append(all, moreCalls(v, c.name, c.rate, c.was, c.load, c.wasLoad))
		}
	}
	return all
}

// prepares reports whether a slow PrepareConn may run an operation: it takes long enough for it.
func (v *view) prepares(c change) bool {
	return v.slowHook() && 0.8*c.load*v.now.Seconds <= v.now.WaitedSeconds["prepare"]
}

// crowdsOut reports whether a unit of work that is new or more frequent, such as a batch job, keeps much of the pool
// busy while callers wait. If it is long, few of its units have ended.
func (v *view) crowdsOut(u unitChange) bool {
	return v.pressed && u.now.Held >= 2*u.past.Held && u.now.Held-u.past.Held >= v.share(0.25) && 2*u.now.Running >= u.now.Held &&
		(u.past.Units < rare || u.rate >= 2*u.was)
}

// rare is how often something must have happened before, so that its rate can be compared.
const rare = 10

// appeared reports whether something that hardly happened before is a problem. It is not while no caller waits, or if
// all traffic has just begun. rate and was are the rates of everything else, now and before.
func (v *view) appeared(rate, was float64) bool { return v.pressed && was > 0 && rate <= 2*was }

// growthOfOthers returns the median factor by which units of work, except one, are more frequent than before, at least
// 1.
func (v *view) growthOfOthers(but string) float64 {
	var growth []float64
	for _, u := range v.units {
		if u.was > 0 && u.name != but {
			growth = append(growth, u.rate/u.was)
		}
	}
	return max(1, median(growth))
}

func moreCalls(v *view, name string, rate, before, held, heldBefore float64) Finding {
	summary := fmt.Sprintf("%s runs %s, unlike the rest: its callers have changed.", named(name), grew(rate, before))
	if rate < 3*before || rate < 1 { // a unit that crowds out the rest may be long and rare
		summary = fmt.Sprintf("%s keeps %s busy, %s before, while the rest does not run more often: it is new, or its callers have changed.",
			named(name), average(held, "connection"), average(heldBefore, "connection"))
	}
	return Finding{
		Severity:  v.bad(Info),
		Operation: name,
		Summary:   summary,
		Advice:    "Find out who calls it: a new client, a loop, a cache that no longer works. Limit how many of its calls run at a time.",
		Evidence: []Evidence{
			v.was("times", rate, before, "1/s"),
			v.was("connections it takes", held, heldBefore, ""),
		},
	}
}
