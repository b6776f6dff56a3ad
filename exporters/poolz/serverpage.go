package poolz

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// shownServer is the server on the page.
type shownServer struct {
	Asked string // when, "" if it was not
	Error string
	State *diagnose.ServerState
	Tree  []node
}

// node is a session and the sessions that wait for it.
type node struct {
	Session diagnose.Session
	Waiting []node
}

// newShownServer returns how the page shows an answer; a is nil if there is none.
func newShownServer(a *answer) shownServer {
	if a == nil {
		return shownServer{}
	}
	s := shownServer{Asked: a.asked.UTC().Format(clock), State: a.state}
	if a.err != nil {
		s.Error = printable.Text(a.err.Error(), 10*maxText)
	}
	if a.state != nil {
		s.Tree = tree(a.state.Sessions)
	}
	return s
}

// tree puts each waiting session below the first session that blocks it, if possible one that does not wait itself.
func tree(sessions []diagnose.Session) []node {
	known := make(map[uint32]diagnose.Session)
	below := make(map[uint32][]uint32)
	var tops []uint32
	for _, s := range sessions {
		known[s.ProcessID] = s
	}
	for _, s := range sessions {
		if len(s.BlockedBy) == 0 {
			continue
		}
		by := s.BlockedBy[0]
		below[by] = append(below[by], s.ProcessID)
		if len(known[by].BlockedBy) == 0 && !slices.Contains(tops, by) {
			tops = append(tops, by)
		}
	}
	placed := make(map[uint32]bool)
	var place func(pid uint32) node
	place = func(pid uint32) node {
		placed[pid] = true
		n := node{Session: known[pid]}
		n.Session.ProcessID = pid
		for _, waiting := range below[pid] {
			if !placed[waiting] {
				n.Waiting = append(n.Waiting, place(waiting))
			}
		}
		return n
	}
	var nodes []node
	for _, pid := range tops {
		nodes = append(nodes, place(pid))
	}
	for _, s := range sessions { // those that wait for each other
		if len(s.BlockedBy) > 0 && !placed[s.ProcessID] {
			nodes = append(nodes, place(s.ProcessID))
		}
	}
	return nodes
}

// owner returns the owner of a session.
func owner(s diagnose.Session) string {
	switch {
	case s.Ours:
		return name(s.Operation)
	case s.ProcessID == 0:
		return "a prepared transaction"
	}
	var parts []string
	for _, part := range []string{s.BackendType, s.Application, s.Role} {
		if part != "" {
			parts = append(parts, printable.Text(part, maxText))
		}
	}
	if len(parts) == 0 {
		return "another program"
	}
	return strings.Join(parts, ", ")
}

// doing returns what a session does.
func doing(s diagnose.Session) string {
	if s.State == "" {
		return "hidden from this role"
	}
	text := fmt.Sprintf("%s for %s", printable.Text(s.State, maxText), printable.Seconds(s.StateSeconds))
	if s.TransactionSeconds > 0 {
		text += ", transaction open for " + printable.Seconds(s.TransactionSeconds)
	}
	return text
}

// awaited returns what a session waits for.
func awaited(s diagnose.Session) string {
	if s.WaitEvent == "" {
		return ""
	}
	return printable.Text(s.WaitEventType+": "+s.WaitEvent, maxText)
}
