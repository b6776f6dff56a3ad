package otelpool

import (
	"fmt"
	"runtime"
	"strings"
)

// maxStack is how many callers of an Acquire are kept.
const maxStack = 32

// captureStack keeps the callers of an acquire that ends now. Only program counters are taken; a report resolves them.
func (s *connState) captureStack(a *acquire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stackOf = a
	s.depthOf = runtime.Callers(2, s.stack[:])
}

// dropStack forgets the callers, and with them the context of their acquire.
func (s *connState) dropStack() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stackOf = nil
}

// stackFor gives the callers of an acquire, if they were kept and the connection has not gone on to another.
func (s *connState) stackFor(a *acquire) []uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stackOf != a {
		return nil
	}
	return append([]uintptr(nil), s.stack[:s.depthOf]...)
}

// ownFrames are the packages whose frames stand above the caller's in the stack of an Acquire.
var ownFrames = []string{
	"github.com/otelpool/otelpool-go/otelpool.(*",
	"github.com/jackc/pgx/v5/pgxpool.(*",
	"github.com/jackc/pgx/v5/multitracer.(*",
}

// resolve gives the frames of a stack, from the caller of pgxpool on.
func resolve(stack []uintptr) []runtime.Frame {
	if len(stack) == 0 {
		return nil
	}
	var frames []runtime.Frame
	next := runtime.CallersFrames(stack)
	for more := true; more; {
		var frame runtime.Frame
		frame, more = next.Next()
		if frame.Function == "" || len(frames) == 0 && own(frame.Function) {
			continue
		}
		frames = append(frames, frame)
	}
	return frames
}

func own(function string) bool {
	for _, prefix := range ownFrames {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

// formatStack gives a stack on one line, the caller of pgxpool first: "main.handle (main.go:12) < main.serve (...)".
func formatStack(stack []uintptr) string {
	var b strings.Builder
	for i, frame := range resolve(stack) {
		if i > 0 {
			b.WriteString(" < ")
		}
		fmt.Fprintf(&b, "%s (%s:%d)", frame.Function, frame.File, frame.Line)
	}
	return b.String()
}
