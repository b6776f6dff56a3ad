package poolz

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/printable"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

//go:embed *.html
var templates embed.FS

// Limits of the page. It says when it cuts a list; report.json has the whole list.
const (
	maxText  = 200 // characters of a name
	maxRows  = 30  // of a table
	maxNames = 5   // in a cell
)

// refresh is how often the page reloads itself without JavaScript, in seconds.
const refresh = 2

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"text":     func(v any) string { return printable.Text(fmt.Sprint(v), maxText) },
	"class":    class,
	"sentence": func(s string) string { return printable.Text(s, 10*maxText) },
	"name":     name,
	"names":    names,
	"frame":    func(s string) string { return printable.Text(s, 2*maxText) }, // a line of a stack is longer than other names
	"seconds":  printable.Seconds,
	"average":  func(n float64) string { return fmt.Sprintf("%.2f", n) },
	"counts":   counts,
	"duration": duration,
	"key":      key,
	"holdKey":  holdKey,
	"mean":     mean,
	"plots":    func(s shown) []plot { return newPlots(s.Pool) },
	"latest":   latest,
	"phases":   phases,
	"changes":  changes,
	"errors":   failures,
	"sessions": cut[diagnose.Session],
	"owner":    owner,
	"doing":    doing,
	"awaited":  awaited,
	"before":   before,
	"each":     each,
	"bar":      newBar,
	"holds":    cut[diagnose.Holds],
	"units":    cut[diagnose.Unit],
	"ops":      cut[diagnose.Operation],
}).ParseFS(templates, "*.html"))

// view is how the page shows a document.
type view struct {
	at     time.Time
	paused bool // it does not reload itself
	config config
	server *answer // nil if the server was not asked
}

// write returns the page.
func (v view) write(d Document) ([]byte, error) {
	if v.server != nil && v.server.state != nil {
		d.Pools = withServer(d.Pools, v.server.state)
	}
	var pools []shown
	for i, id := range poolIDs(d.Pools) {
		pools = append(pools, shown{id, d.Pools[i], v.config.traceLink})
	}
	var server *shownServer
	if v.config.server != nil {
		s := newShownServer(v.server)
		server = &s
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, map[string]any{
		"Server": server, "Pools": pools, "At": v.at.UTC().Format(clock), "Paused": v.paused, "Refresh": refresh, "Problem": v.config.problem, "Title": title(d.Pools),
	})
	return b.Bytes(), err
}

// title returns the title of the page: the worst finding, which is visible in the title of an inactive tab.
func title(pools []Pool) string {
	for _, severity := range []diagnose.Severity{diagnose.Critical, diagnose.Warning} {
		for _, p := range pools {
			if len(p.Findings) > 0 && p.Findings[0].Severity == severity {
				return fmt.Sprintf("%s: %s of %s", severity, printable.Text(string(p.Findings[0].Kind), maxText), name(p.Report.Pool))
			}
		}
	}
	return "Connection pools"
}

// clock is the format of times.
const clock = "15:04:05 UTC"

// shown is a pool on the page.
type shown struct {
	ID string
	Pool
	traceLink string
}

// trace is the ID of a trace, with its URL if there is one.
type trace struct{ ID, URL string }

// validTraceID matches OpenTelemetry's trace IDs.
var validTraceID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Traces returns the first few traces of holds.
func (s shown) Traces(ids []string) rows[trace] {
	list := rows[trace]{More: max(0, len(ids)-maxNames)}
	for _, id := range ids[:min(len(ids), maxNames)] {
		t := trace{ID: printable.Text(id, maxText)}
		if s.traceLink != "" && validTraceID.MatchString(id) {
			t.URL = strings.Replace(s.traceLink, traceID, id, 1)
		}
		list.Rows = append(list.Rows, t)
	}
	return list
}

// rows are the first of a table's rows.
type rows[T any] struct {
	Rows []T
	More int // the number of omitted rows
}

func cut[T any](all []T) rows[T] {
	shown := all[:min(len(all), maxRows)]
	return rows[T]{shown, len(all) - len(shown)}
}

// class returns the class of a severity, "" if the style sheet has none.
func class(s diagnose.Severity) string {
	switch s {
	case diagnose.Critical, diagnose.Warning, diagnose.Info:
		return string(s)
	default:
		return ""
	}
}

// name returns the name of an operation or of a unit of work, as the page shows it.
func name(s string) string {
	if s == "" {
		return "(no name)"
	}
	return printable.Text(s, maxText)
}

// names lists the first few names.
func names(all []string) string {
	var list []string
	for _, s := range all[:min(len(all), maxNames)] {
		list = append(list, printable.Text(s, maxText))
	}
	if len(all) > maxNames {
		list = append(list, fmt.Sprintf("%d more", len(all)-maxNames))
	}
	return strings.Join(list, ", ")
}

// counts formats counts by name, without zeros.
func counts(m map[string]int64) string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if m[key] != 0 {
			list = append(list, fmt.Sprintf("%s: %d", printable.Text(key, maxText), m[key]))
		}
	}
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// cell is a number in a table, with a text for people.
type cell struct{ Value, Text string }

// duration returns the cell of a time in seconds.
func duration(s float64) cell {
	return cell{strconv.FormatFloat(s, 'g', 6, 64), printable.Seconds(s)}
}

// mean returns the mean time of an operation's calls.
func mean(o diagnose.Operation) cell { return each(o.Seconds, o.Calls) }

// before returns the mean time of the operation in an earlier period.
func before(o diagnose.Operation, p diagnose.Period) cell {
	i := slices.IndexFunc(p.Operations, func(b diagnose.Operation) bool { return b.Operation == o.Operation })
	if i < 0 {
		return cell{Text: "-"}
	}
	return mean(p.Operations[i])
}

// each returns s / n as the cell of a time.
func each(s float64, n int64) cell {
	if n == 0 {
		return cell{Text: "-"}
	}
	return duration(s / float64(n))
}

// holdKey distinguishes holds of the same unit of work.
func holdKey(h diagnose.Holds) string { return key(append([]string{h.Operation}, h.Stack...)...) }
