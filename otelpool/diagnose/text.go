package diagnose

import (
	"fmt"
	"io"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// The limits of the characters of a name, and of a sentence with names.
const (
	maxName     = 200
	maxSentence = 2000
)

// String returns the finding in one line: its severity, its kind and its summary. Control characters are escaped.
func (f Finding) String() string {
	kind := printable.Text(string(f.Kind), maxName)
	if f.Consequence {
		kind += " (a consequence)"
	}
	return fmt.Sprintf("%s: %s: %s", printable.Text(string(f.Severity), maxName), kind, printable.Text(f.Summary, maxSentence))
}

// String returns the evidence and its value before, such as "connections held: 4 (before: 1)".
func (e Evidence) String() string {
	text := printable.Text(e.Name, maxName) + ": " + formatValue(e.Value, e.Unit)
	if e.Before != nil {
		text += " (before: " + formatValue(*e.Before, e.Unit) + ")"
	}
	return text
}

const runbook = "https://github.com/otelpool/otelpool-go/blob/main/collector-config/RUNBOOK.md"

// RunbookURL returns the URL of the finding's section in the runbook, or "" if there is none.
func (f Finding) RunbookURL() string {
	if f.Runbook == "" {
		return ""
	}
	return runbook + "#" + strings.ToLower(printable.Text(f.Runbook, maxName))
}

// State returns one line that says how many connections of the pool are in use, and how many callers wait for one.
func (r Report) State() string {
	text := fmt.Sprintf("%d of %s in use, ", r.Used, count(r.Settings.MaxConns, "connection"))
	if r.Settings.MaxConns < 1 { // a sql.DB without a limit
		text = count(r.Used, "connection") + " in use, "
	}
	switch {
	case r.Waiting == 0 && r.LastMinute.Acquires == nil: // it counts 0 of each result with hooks
		return text + "and waiting callers are unknown: the pool has no hooks"
	case r.Waiting == 0:
		return text + "no caller waits"
	case r.Waiting == 1:
		return text + "1 caller has waited for " + printable.Seconds(r.OldestWaitSeconds)
	default:
		return text + fmt.Sprintf("%d callers wait for one, the first for %s", r.Waiting, printable.Seconds(r.OldestWaitSeconds))
	}
}

// WriteText writes the findings in the style of compiler errors: a line that begins with the pool, then, indented, the
// evidence, the advice and the URL of the runbook's section. If there are no findings, it writes one line with the
// state of the pool. Control characters in names are escaped.
func WriteText(w io.Writer, r Report, findings []Finding) error {
	pool := printable.Text(r.Pool, maxName)
	if pool == "" {
		pool = "pool"
	}
	var b strings.Builder
	if len(findings) == 0 {
		fmt.Fprintf(&b, "%s: ok: %s\n", pool, r.State())
	}
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %v\n", pool, f)
		for _, e := range f.Evidence {
			fmt.Fprintf(&b, "    %v\n", e)
		}
		if f.Advice != "" {
			fmt.Fprintf(&b, "  help: %s\n", printable.Text(f.Advice, maxSentence))
		}
		if url := f.RunbookURL(); url != "" {
			fmt.Fprintf(&b, "  see: %s\n", url)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// formatValue formats a value of a UCUM unit.
func formatValue(value float64, unit string) string {
	switch {
	case unit == "s":
		return printable.Seconds(value)
	case unit == "%":
		return printable.Number(value) + " %"
	case unit == "" || unit == "1" || strings.HasPrefix(unit, "{") && strings.HasSuffix(unit, "}"): // {} is a comment
		return printable.Number(value)
	case strings.HasPrefix(unit, "/"), strings.HasPrefix(unit, "1/"):
		return printable.Number(value) + printable.Text(strings.TrimPrefix(unit, "1"), maxName)
	default:
		return printable.Number(value) + " " + printable.Text(unit, maxName)
	}
}
