package main

import (
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"
)

// newLogger returns the logger for otelpool. Its lines appear between those of the table, so they have no time and only
// the first frame of a stack.
func newLogger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: shorten}))
}

func shorten(groups []string, a slog.Attr) slog.Attr {
	switch {
	case len(groups) == 0 && a.Key == slog.TimeKey:
		return slog.Attr{}
	case a.Value.Kind() == slog.KindDuration:
		a.Value = slog.DurationValue(a.Value.Duration().Round(10 * time.Millisecond))
	case a.Key == "stack", a.Key == "waiting_stack":
		a.Value = slog.StringValue(firstFrame(a.Value.String()))
	}
	return a
}

// firstFrame shortens "main.handle (/home/me/main.go:12) < main.serve (...)" to "main.handle (main.go:12)".
func firstFrame(stack string) string {
	frame, _, _ := strings.Cut(stack, " < ")
	function, place, _ := strings.Cut(frame, " (")
	return function + " (" + filepath.Base(place)
}
