// Package flags parses the flags of programs. Its errors say what is allowed, and quote no address, which may contain a
// password.
package flags

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
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
	text := err.Error()
	if strings.Contains(text, "//") {
		text = "unexpected address"
	} else if wrong := unread.FindStringSubmatch(text); wrong != nil {
		text = wrong[1] + ": want " + kind(set.Lookup(wrong[2]))
	}
	return fmt.Errorf("%s (-h lists the flags)", text)
}

// unread matches the error of package flag for a value of the wrong kind.
var unread = regexp.MustCompile(`^(?s)(invalid .* for (?:flag )?-(\S+)): parse error$`)

// kind describes the values of a flag.
func kind(f *flag.Flag) string {
	value, _ := f.Value.(flag.Getter) // not those of flag.Func
	if value == nil {
		return "another value"
	}
	switch value.Get().(type) {
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
