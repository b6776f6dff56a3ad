package scenarios

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

type phase string

// The phases, in their order.
const (
	Healthy  phase = "healthy"
	Trouble  phase = "trouble"
	Repaired phase = "repaired"
)

// moment is what was seen at one moment.
type moment struct {
	Phase  phase
	Since  float64 // seconds since the begin of the phase
	Report diagnose.Report
}

type outcome struct {
	Found    time.Duration // since the begin of the trouble until the first finding was the wanted; 0 if it never was
	Also     bool          // the second cause was found as well
	Mistaken []string      // what came first before that, or instead, each once
	Lost     []string      // what came first after that, while the trouble went on
	False    []string      // findings in the healthy time
	After    []string      // findings after the time to clear
	Cleared  time.Duration // since the repair until there was no finding any more; 0 if it was not repaired

	Succeeded, Failed, Dropped int64   // units of work
	Late                       float64 // the largest share of ten seconds' units that the machine began late
}

// see adds what is concluded from a record. It returns an error if the report says something else after it was sent as JSON.
func (out *outcome) see(sc scenario, r moment) error {
	found := diagnose.Findings(r.Report)
	since := time.Duration(r.Since * float64(time.Second))
	switch r.Phase {
	case Healthy:
		if since > warm {
			note(&out.False, found)
		}
	case Trouble:
		out.look(sc, since, found)
		return sameByJSON(r.Report, found)
	case Repaired:
		out.clear(since, found)
	}
	return nil
}

// look notes what comes first while the trouble lasts.
func (out *outcome) look(sc scenario, since time.Duration, found []diagnose.Finding) {
	right := len(found) > 0 && sc.Want.isBy(found[0])
	if sc.Also != nil && len(found) > 0 && sc.Also.isBy(found[0]) { // which of two causes is worse is no matter
		right = slices.ContainsFunc(found, sc.Want.isBy)
	}
	first := []diagnose.Finding{{Kind: "nothing", Severity: diagnose.Warning}}
	if len(found) > 0 {
		first = found[:1]
	}
	switch {
	case right && out.Found == 0:
		out.Found = since
	case !right && out.Found == 0 && len(found) > 0:
		note(&out.Mistaken, first)
	case !right && out.Found != 0:
		note(&out.Lost, first)
	}
	if sc.Also != nil && slices.ContainsFunc(found, sc.Also.isBy) && slices.ContainsFunc(found, sc.Want.isBy) {
		out.Also = true
	}
}

// clear notes what is still found after the repair.
func (out *outcome) clear(since time.Duration, found []diagnose.Finding) {
	bad := slices.ContainsFunc(found, func(f diagnose.Finding) bool { return f.Severity != diagnose.Info })
	switch {
	case !bad && out.Cleared == 0:
		out.Cleared = since
	case bad:
		out.Cleared = 0
		if since > clears {
			note(&out.After, found)
		}
	}
}

// note adds findings that are worse than Info to a list that has each once.
func note(to *[]string, found []diagnose.Finding) {
	for _, f := range found {
		says := string(f.Kind)
		if f.Operation != "" {
			says += " of " + f.Operation
		}
		if f.Severity != diagnose.Info && !slices.Contains(*to, says) {
			*to = append(*to, says)
		}
	}
}

// sameByJSON checks that a report says the same after it was sent as JSON.
func sameByJSON(r diagnose.Report, found []diagnose.Finding) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var back diagnose.Report
	if err := json.Unmarshal(text, &back); err != nil {
		return err
	}
	if again := diagnose.Findings(back); !reflect.DeepEqual(again, found) {
		return fmt.Errorf("scenarios: a report says %+v, and as JSON %+v", found, again)
	}
	return nil
}
