package otelpool

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
)

// ownFrames are prefixes of otelpool's functions between the capture of a stack and pgx.
var ownFrames = []string{
	"github.com/otelpool/otelpool-go/otelpool.(*",
	"github.com/otelpool/otelpool-go/otelpool/internal/",
}

// libraries are the packages, those below them included, by which programs call pgx.
var libraries = []string{
	"github.com/jackc/pgx/v5",
	"github.com/otelpool/otelpool-go/otelpool/sqldb",
	"database/sql",
	"gorm.io/gorm",
	"gorm.io/driver",
	"entgo.io/ent",
	"github.com/uptrace/bun",
	"github.com/jmoiron/sqlx",
	"github.com/riverqueue/river",
	"github.com/pressly/goose",
}

// standardFolders are the folders of the standard library. A module whose path has no dot may not be told from it
// otherwise.
var standardFolders = strings.Fields("archive bufio bytes cmp compress container context crypto database debug embed encoding " +
	"errors expvar flag fmt go hash html image index internal io iter log maps math mime net os path plugin reflect regexp " +
	"runtime slices sort strconv strings structs sync syscall testing text time unicode unique unsafe vendor weak")

// maxLoggedStack is how many bytes a stack may have in a log line. A line with one stack then stays below 600.
const maxLoggedStack = 280

// callers returns the stack of the caller.
func callers() []uintptr {
	stack := make([]uintptr, 32)
	return stack[:runtime.Callers(2, stack)]
}

// resolve returns the frames of a stack that are the program's. skip are further libraries.
func resolve(stack []uintptr, skip []string) []runtime.Frame {
	if len(stack) == 0 {
		return nil
	}
	var frames []runtime.Frame
	next := runtime.CallersFrames(stack)
	for more := true; more; {
		var frame runtime.Frame
		frame, more = next.Next()
		if frame.Function != "" {
			frames = append(frames, frame)
		}
	}
	return trim(frames, skip)
}

// trim cuts the frames before the caller of pgxpool or of the library that called it, and those of the standard library that
// called the program. It returns all frames if nothing else is left, as of a goroutine of database/sql.
func trim(frames []runtime.Frame, skip []string) []runtime.Frame {
	begin := 0
	for i, frame := range frames {
		if own(frame.Function, skip) {
			begin = i + 1
		} else if !standard(frame.Function) { // a library may call another by the standard library, such as sync.Once
			break
		}
	}
	if program := withoutStandardEnd(frames[begin:]); len(program) > 0 {
		return program
	}
	return frames
}

// withoutStandardEnd cuts the outer frames of the standard library.
func withoutStandardEnd(frames []runtime.Frame) []runtime.Frame {
	for len(frames) > 0 && standard(frames[len(frames)-1].Function) {
		frames = frames[:len(frames)-1]
	}
	return frames
}

// own reports whether a function is otelpool's, or in a package of the libraries or of skip.
func own(function string, skip []string) bool {
	return slices.ContainsFunc(ownFrames, func(prefix string) bool { return strings.HasPrefix(function, prefix) }) ||
		within(function, libraries) || within(function, skip)
}

// within reports whether a function is in one of the packages or below.
func within(function string, packages []string) bool {
	function = strings.ReplaceAll(function, "%2e", ".") // of the last element of a path, such as yaml.v3
	for _, p := range packages {
		rest, ok := strings.CutPrefix(function, strings.TrimRight(p, "/."))
		if ok && rest != "" && (rest[0] == '.' || rest[0] == '/') {
			return true
		}
	}
	return false
}

// standard reports whether a function is in the standard library.
func standard(function string) bool {
	folder, _, nested := strings.Cut(function, "/")
	if !nested {
		folder, _, _ = strings.Cut(function, ".")
	}
	return slices.Contains(standardFolders, folder)
}

// innerEnd returns the frames that the stacks of all holds acquired at one place have in common.
func innerEnd(frames []runtime.Frame) []runtime.Frame {
	return withoutStandardEnd(frames[:min(len(frames), programCallers)])
}

// formatEach returns the text of each frame.
func formatEach(frames []runtime.Frame) (texts []string) {
	for _, frame := range frames {
		texts = append(texts, formatFrame(frame))
	}
	return texts
}

// formatStack returns a stack on one line, the caller of pgxpool first: "main.handle (shop/main.go:12) < main.serve (...)".
func formatStack(stack []uintptr, skip []string) string { return formatFrames(resolve(stack, skip)) }

// formatFrames leaves out the standard library, which between two functions of the program says nothing, and the outer
// frames of a deep stack.
func formatFrames(frames []runtime.Frame) string {
	program := slices.DeleteFunc(slices.Clone(frames), func(f runtime.Frame) bool { return standard(f.Function) })
	if len(program) == 0 {
		program = frames
	}
	var b strings.Builder
	for i, frame := range program {
		text := formatFrame(frame)
		switch {
		case i == 0:
		case b.Len()+len(text) > maxLoggedStack:
			fmt.Fprintf(&b, " < %d more", len(program)-i)
			return b.String()
		default:
			b.WriteString(" < ")
		}
		b.WriteString(text)
	}
	return b.String()
}

func formatFrame(frame runtime.Frame) string {
	function := lastElements(frame.Function, 1)
	if beginsWithMajorVersion(function) { // v5 alone names no package
		function = lastElements(frame.Function, 2)
	}
	return fmt.Sprintf("%s (%s:%d)", function, lastElements(frame.File, 2), frame.Line)
}

// beginsWithMajorVersion reports whether a function, without the folders of its package, begins with a major version
// such as v5.
func beginsWithMajorVersion(function string) bool {
	name, _, found := strings.Cut(function, ".")
	digits, isVersion := strings.CutPrefix(name, "v")
	return found && isVersion && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// lastElements returns the last n elements of a path.
func lastElements(path string, n int) string {
	at := len(path)
	for range n {
		at = strings.LastIndexByte(path[:at], '/')
		if at < 0 {
			return path
		}
	}
	return path[at+1:]
}
