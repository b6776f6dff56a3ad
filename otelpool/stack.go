package otelpool

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// ownFrames are prefixes of the function names that lie between the capture of a stack and the caller of pgxpool.
var ownFrames = []string{
	"github.com/otelpool/otelpool-go/otelpool.(*",
	"github.com/otelpool/otelpool-go/otelpool/internal/",
	"github.com/jackc/pgx/v5/pgxpool.(*",
	"github.com/jackc/pgx/v5/multitracer.(*",
}

// callers returns the stack of the caller.
func callers() []uintptr {
	stack := make([]uintptr, 32)
	return stack[:runtime.Callers(2, stack)]
}

// resolve returns the frames of a stack, from the caller of pgxpool on.
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
	return slices.ContainsFunc(ownFrames, func(prefix string) bool { return strings.HasPrefix(function, prefix) })
}

// formatStack returns a stack on one line, the caller of pgxpool first: "main.handle (main.go:12) < main.serve (...)".
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
