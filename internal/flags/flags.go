// Package flags parses the flags of programs. Its errors say what is allowed, and quote no address: that may have a password.
package flags

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

// Parse parses arguments, all of which are flags.
func Parse(set *flag.FlagSet, args []string) error {
	set.SetOutput(io.Discard) // errors are returned
	err := set.Parse(args)
	if err == nil && set.NArg() > 0 {
		err = fmt.Errorf("unknown argument %q", set.Arg(0))
	}
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	text, unread := strings.CutSuffix(err.Error(), ": parse error")
	switch {
	case strings.Contains(text, "//"):
		text = "unexpected address"
	case unread:
		text += ": want " + kind(set.Lookup(text[strings.LastIndex(text, " -")+2:]))
	}
	return fmt.Errorf("%s (-h lists the flags)", text)
}

// kind says what the values of a flag are.
func kind(f *flag.Flag) string {
	switch f.Value.(flag.Getter).Get().(type) {
	case time.Duration:
		return "a time such as 500ms or 10s"
	case bool:
		return "true or false"
	case int:
		return "a whole number"
	default:
		return "a number"
	}
}
