package flags

import (
	"flag"
	"testing"
	"time"
)

func TestErrorsSayWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"-for=5":                `invalid value "5" for flag -for: want a time such as 500ms or 10s (-h lists the flags)`,
		"-callers=many":         `invalid value "many" for flag -callers: want a whole number (-h lists the flags)`,
		"-rate=5/s":             `invalid value "5/s" for flag -rate: want a number (-h lists the flags)`,
		"-leak=maybe":           `invalid boolean value "maybe" for -leak: want true or false (-h lists the flags)`,
		"-for=postgres://u:p@h": "unexpected address (-h lists the flags)",
		"-x":                    "flag provided but not defined: -x (-h lists the flags)",
		"-x: parse error":       "flag provided but not defined: -x: parse error (-h lists the flags)",
		"x":                     `unknown argument "x" (-h lists the flags)`,
	} {
		set := flag.NewFlagSet("test", flag.ContinueOnError)
		set.Duration("for", time.Second, "")
		set.Int("callers", 1, "")
		set.Float64("rate", 1, "")
		set.Bool("leak", false, "")
		if err := Parse(set, []string{arg}); err == nil || err.Error() != want {
			t.Errorf("%s: error %v, want %s", arg, err, want)
		}
	}
}
