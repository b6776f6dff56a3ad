package poolz

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// shape writes a tree as process IDs, with waiting ones in brackets.
func shape(nodes []node) string {
	var parts []string
	for _, n := range nodes {
		part := fmt.Sprint(n.Session.ProcessID)
		if len(n.Waiting) > 0 {
			part += "(" + shape(n.Waiting) + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " ")
}

func TestTreeHasEachSessionOnce(t *testing.T) {
	t.Parallel()
	session := func(pid uint32, by ...uint32) diagnose.Session {
		return diagnose.Session{ProcessID: pid, BlockedBy: by}
	}
	for _, tt := range []struct {
		name     string
		sessions []diagnose.Session
		want     string
	}{
		{"no caller waits", []diagnose.Session{session(1)}, ""},
		{"a queue for one lock", []diagnose.Session{session(1), session(2, 1), session(3, 1, 2)}, "1(2 3)"},
		{"a chain", []diagnose.Session{session(1), session(2, 1), session(3, 2)}, "1(2(3))"},
		{"two locks", []diagnose.Session{session(1), session(2), session(3, 1), session(4, 2)}, "1(3) 2(4)"},
		{"a prepared transaction, and a session that is not listed", []diagnose.Session{session(3, 0), session(4, 9)}, "0(3) 9(4)"},
		{"a deadlock", []diagnose.Session{session(1, 2), session(2, 1), session(3, 1)}, "1(2 3)"},
		{"itself", []diagnose.Session{session(1, 1)}, "1"},
	} {
		if got := shape(tree(tt.sessions)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestServerViewEscapes uses a hostile answer and an error.
func TestServerViewEscapes(t *testing.T) {
	t.Parallel()
	hostile := "<script>alert(1)</script>\" onload=alert(1)\u202e\x00\x1b" + strings.Repeat("é", 10_000)
	a := &answer{asked: time.Now(), err: errors.New(hostile), state: &diagnose.ServerState{
		Clients:  []diagnose.Client{{Application: hostile, Role: hostile}},
		Sessions: []diagnose.Session{{ProcessID: 1, Application: hostile, Role: hostile, State: hostile, BackendType: hostile, WaitEventType: hostile, WaitEvent: hostile}, {ProcessID: 2, Ours: true, Operation: hostile, BlockedBy: []uint32{1}, Query: "SELECT 'a secret'"}},
	}}
	text, err := view{at: time.Now(), config: newConfig([]Option{WithServerView(&pgx.ConnConfig{})}), server: a}.write(fullDocument("checkout", 1))
	testutil.NoError(t, err)
	checkEscaped(t, string(text))
	if strings.Contains(string(text), "secret") {
		t.Error("the page has a query")
	}
}
