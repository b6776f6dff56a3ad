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

// moment is a report and its findings.
type moment struct {
	Phase  phase
	Since  float64 // seconds since the begin of the phase
	Report diagnose.Report
}

type outcome struct {
	Found    time.Duration // from the start of the trouble to the expected finding; 0 if it never came first
	Also     bool          // the second cause was found as well
	Mistaken []string      // other first findings before it, each once
	Lost     []string      // other first findings after it, during the trouble
	False    []string      // findings in the healthy time
	After    []string      // findings that lasted too long
	Cleared  time.Duration // from the repair until there was no finding; 0 if it was not repaired

	Succeeded, Failed, Dropped int64   // units of work
	Late                       float64 // the largest share of units in ten seconds that began late
}

// see adds the findings of a moment. It returns an error if the report has other findings after it was sent as JSON.
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

// look notes the first finding during the trouble.
func (out *outcome) look(sc scenario, since time.Duration, found []diagnose.Finding) {
	right := len(found) > 0 && sc.Want.isBy(found[0])
	if sc.Also != nil && len(found) > 0 && sc.Also.isBy(found[0]) { // either of two causes may come first
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

// clear notes the findings after the repair.
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

// note adds findings worse than Info to a list, each once.
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

// sameByJSON checks that a report has the same findings after it was sent as JSON.
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
		return fmt.Errorf("scenarios: a report has the findings %+v, and as JSON %+v", found, again)
	}
	return nil
}
