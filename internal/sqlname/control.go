package sqlname

import "strings"

// controls lists the operations that control a transaction or the settings of a session. SET is among them because SET
// TRANSACTION and SET LOCAL are. A longer phrase stands before its own prefixes.
var controls = [...]string{
	"BEGIN", "START TRANSACTION", "COMMIT PREPARED", "COMMIT", "END", "ROLLBACK TO SAVEPOINT",
	"ROLLBACK PREPARED", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE SAVEPOINT",
	"PREPARE TRANSACTION", "SET", "RESET", "DISCARD",
}

// Control reports whether a summary has only operations that control transactions and settings.
func Control(summary string) bool {
	for rest := summary; ; {
		phrase := controlPrefix(rest)
		if phrase == "" {
			return false
		}
		if rest = rest[len(phrase):]; rest == "" {
			return true
		}
		rest = rest[1:] // the space
	}
}

// controlPrefix returns the phrase of controls that s begins with, "" if there is none.
func controlPrefix(s string) string {
	for _, phrase := range controls {
		if rest, ok := strings.CutPrefix(s, phrase); ok && (rest == "" || rest[0] == ' ') {
			return phrase
		}
	}
	return ""
}
