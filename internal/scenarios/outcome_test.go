package scenarios

import (
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func finding(kind diagnose.Kind, operation string) diagnose.Finding {
	return diagnose.Finding{Kind: kind, Operation: operation, Severity: diagnose.Critical}
}

func TestWantNeedsKindAndGuilty(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want  Want
		found diagnose.Finding
		is    bool
	}{
		{want(diagnose.Leak, report), finding(diagnose.Leak, report), true},
		{want(diagnose.Leak, report), finding(diagnose.Leak, orders), false},
		{want(diagnose.Leak, report), finding(diagnose.HeldIdle, report), false},
		{want(diagnose.MoreCalls, "GetCart", cart), finding(diagnose.MoreCalls, cart), true},
		{want(diagnose.ServerAway), finding(diagnose.ServerAway, ""), true},
		{want(diagnose.ServerAway), finding(diagnose.ServerAway, report), false},
	} {
		if is := test.want.isBy(test.found); is != test.is {
			t.Errorf("want %v, found %v of %q: %v", test.want, test.found.Kind, test.found.Operation, is)
		}
	}
}

func TestSecondCauseMayComeFirst(t *testing.T) {
	t.Parallel()
	sc := Scenario{Want: want(diagnose.Leak, report), Also: &Want{Kind: diagnose.OperationFails, Guilty: []string{"InsertLogin"}}}
	leak, fails, wait := finding(diagnose.Leak, report), finding(diagnose.OperationFails, "InsertLogin"), finding(diagnose.CallersWait, "")
	var out Outcome
	out.look(sc, time.Second, []diagnose.Finding{fails, wait})
	if out.Found != 0 || out.Also || len(out.Mistaken) != 1 {
		t.Errorf("one of two causes: %+v", out)
	}
	out.look(sc, 2*time.Second, []diagnose.Finding{fails, leak})
	if out.Found != 2*time.Second || !out.Also {
		t.Errorf("both causes: %+v", out)
	}
	out.look(sc, 3*time.Second, []diagnose.Finding{wait, leak})
	if len(out.Lost) != 1 {
		t.Errorf("a consequence first: %+v", out)
	}
}

func TestFindingThatComesBackIsNotCleared(t *testing.T) {
	t.Parallel()
	var out Outcome
	o := Options{Clears: 30 * time.Second}
	out.clear(o, time.Second, nil)
	out.clear(o, 2*time.Second, []diagnose.Finding{finding(diagnose.Leak, report)})
	if out.Cleared != 0 {
		t.Errorf("cleared after %v", out.Cleared)
	}
	out.clear(o, 3*time.Second, nil)
	out.clear(o, 31*time.Second, []diagnose.Finding{finding(diagnose.Leak, report)})
	if len(out.After) != 1 {
		t.Errorf("after %q", out.After)
	}
}
