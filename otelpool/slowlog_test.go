package otelpool

import (
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// TestSlowLogSkipsWhatDoesNotExplain has an operation fail while callers wait for another reason, which is found later.
func TestSlowLogSkipsWhatDoesNotExplain(t *testing.T) {
	t.Parallel()
	fails := diagnose.Finding{Kind: diagnose.OperationFails, Severity: diagnose.Warning}
	waits := diagnose.Finding{Kind: diagnose.CallersWait, Severity: diagnose.Warning}
	leak := diagnose.Finding{Kind: diagnose.Leak, Severity: diagnose.Critical}
	for _, tt := range []struct {
		name string
		last []diagnose.Finding
		want diagnose.Kind
	}{
		{"found later", []diagnose.Finding{leak, fails}, diagnose.Leak},
		{"never found", []diagnose.Finding{fails, waits}, diagnose.CallersWait},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l slowLog
			const begin = slowLook
			l.note(begin, slowLook, false)
			if line, log := l.conclude(begin, diagnose.Report{}, []diagnose.Finding{fails, waits}); log {
				t.Fatalf("logged immediately: %+v", line.found)
			}
			line, log := l.conclude(begin+slowPatience, diagnose.Report{}, tt.last)
			if !log || len(line.found) == 0 || line.found[0].Kind != tt.want {
				t.Errorf("logged %t: %+v, want %s first", log, line.found, tt.want)
			}
		})
	}
}
