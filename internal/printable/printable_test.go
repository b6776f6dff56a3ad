package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestTextEscapesUnprintable(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"":                      "",
		"pay_order":             "pay_order",
		"日本 é":                  "日本 é",
		"a\x1b[2Jb\r\n":         `a\u001b[2Jb\u000d\u000a`,
		"safe\u202egnp.exe":     `safe\u202egnp.exe`,
		"\u2066isolate\u2069":   `\u2066isolate\u2069`,
		"\u200bzero\ufeff":      `\u200bzero\ufeff`,
		"\u0085\u2028":          `\u0085\u2028`,
		"\U000e0041":            `\U000e0041`,
		"\xff":                  "\ufffd",
		strings.Repeat("x", 21): strings.Repeat("x", 20) + "…",
		strings.Repeat("é", 20): strings.Repeat("é", 20),
	} {
		if got := Text(s, 20); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\u202eb\x00")
	f.Fuzz(func(t *testing.T, s string) {
		got := Text(s, 50)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 50*10+1 {
			t.Errorf("%q", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) && r != utf8.RuneError {
				t.Errorf("%q has %U", got, r)
			}
		}
	})
}
