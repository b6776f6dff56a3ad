package poolz

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

const (
	// serverSharing is how long viewers share an answer of the server.
	serverSharing = 5 * time.Second

	// serverTimeout is longer than the time limit of diagnose.Server.
	serverTimeout = 4 * time.Second
)

// server asks PostgreSQL for all viewers together. It is safe for concurrent use.
type server struct {
	config *pgx.ConnConfig

	mu           sync.Mutex
	last, before *answer
}

// answer is the server's answer. Its fields are set when done is closed.
type answer struct {
	asked time.Time
	done  chan struct{}
	state *diagnose.ServerState
	err   error
}

func (a *answer) isDone() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// ask returns the current answer, or nil if ctx ends before there is one. While a new one is pending, it returns the
// previous one, unless that is older than two intervals.
func (s *server) ask(ctx context.Context, pools []Pool) *answer {
	s.mu.Lock()
	if s.last == nil || s.last.isDone() && time.Since(s.last.asked) >= serverSharing {
		s.before, s.last = s.last, &answer{asked: time.Now(), done: make(chan struct{})}
		go s.last.find(s.config, pools)
	}
	last, before := s.last, s.before
	s.mu.Unlock()
	if !last.isDone() && before != nil && time.Since(before.asked) < 2*serverSharing {
		return before
	}
	select {
	case <-last.done:
		return last
	case <-ctx.Done():
		return nil
	}
}

// find asks the server about the holds of all pools, and sets the fields.
func (a *answer) find(config *pgx.ConnConfig, pools []Pool) {
	defer close(a.done)
	defer recoverTo(&a.err)
	ctx, cancel := context.WithTimeout(context.Background(), serverTimeout)
	defer cancel()
	var r diagnose.Report
	for _, p := range pools {
		r.Holds = append(r.Holds, p.Report.Holds...)
	}
	if r, a.err = diagnose.Server(ctx, config, r); a.err == nil {
		a.state = r.Server
	}
}

// withServer returns pools with findings that also use the answer of the server.
func withServer(pools []Pool, state *diagnose.ServerState) []Pool {
	pools = slices.Clone(pools)
	for i, p := range pools {
		own := *state
		if own.Sessions = ownSessions(state.Sessions, p.Report); !slices.ContainsFunc(own.Sessions, func(s diagnose.Session) bool { return s.Ours }) {
			continue // the answer is about other pools
		}
		p.Report.Server = &own
		pools[i].Findings = diagnose.Findings(p.Report)
	}
	return pools
}

// ownSessions returns sessions with Ours set only for those of one pool.
func ownSessions(sessions []diagnose.Session, r diagnose.Report) []diagnose.Session {
	sessions = slices.Clone(sessions)
	for i, s := range sessions {
		sessions[i].Ours = s.Ours && slices.ContainsFunc(r.Holds, func(h diagnose.Holds) bool { return slices.Contains(h.ProcessIDs, s.ProcessID) })
	}
	return sessions
}
