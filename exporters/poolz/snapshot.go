package poolz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// Version is the version of a [Document]. It changes when a field is removed or changes its meaning, not when one is
// added. The reports in it have their own version, [diagnose.ReportVersion].
const Version = 1

// Document is the content of report.json.
type Document struct {
	Version int    `json:"version"` // Version
	Pools   []Pool `json:"pools"`   // the registered pools, in the order of Handler's argument
}

// Pool is a pool in a [Document].
type Pool struct {
	Report   diagnose.Report    `json:"report"`
	Findings []diagnose.Finding `json:"findings"` // the worst first

	moments []diagnose.Moment // the oldest first
}

// sharing is how long viewers share a snapshot.
const sharing = time.Second

// snapshots takes the snapshots that viewers share. It is safe for concurrent use.
type snapshots struct {
	insts  []*otelpool.Instrumentation
	config config

	mu   sync.Mutex // held while a snapshot is taken
	last *snapshot
}

// now returns a snapshot that is at most a second old.
func (s *snapshots) now() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil || time.Since(s.last.at) >= sharing {
		s.last = newSnapshot(s.insts, s.config)
	}
	return s.last
}

// rendering renders a snapshot when it is first called, and then returns the same result.
type rendering func() ([]byte, error)

// form is one of the forms of a snapshot.
type form struct {
	file   string // "" for the page
	paused bool
	server *answer // nil if PostgreSQL was not asked
}

// snapshot is the state of all pools at one moment, in the forms that viewers asked for.
type snapshot struct {
	at     time.Time
	pools  []Pool
	config config

	mu         sync.Mutex // guards renderings
	renderings map[form]rendering
}

func newSnapshot(insts []*otelpool.Instrumentation, c config) *snapshot {
	s := &snapshot{at: time.Now(), pools: []Pool{}, config: c, renderings: make(map[form]rendering)}
	for _, inst := range insts {
		r := inst.Report()
		if r.Version == 0 { // not registered
			continue
		}
		findings := diagnose.Findings(r)
		if findings == nil {
			findings = []diagnose.Finding{} // an empty list in JSON, not null
		}
		s.pools = append(s.pools, Pool{Report: r, Findings: findings, moments: inst.History()})
	}
	return s
}

// in returns the rendering of a form.
func (s *snapshot) in(f form) rendering {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.renderings[f] == nil {
		s.renderings[f] = once(func() ([]byte, error) { return s.write(f) })
	}
	return s.renderings[f]
}

func (s *snapshot) write(f form) ([]byte, error) {
	d := Document{Version: Version, Pools: s.pools}
	switch f.file {
	case "report.json":
		return writeJSON(d)
	case "history.json":
		return writeJSON(s.history())
	case "report.txt":
		var b bytes.Buffer
		err := d.WriteText(&b)
		return b.Bytes(), err
	default:
		return view{at: s.at, config: s.config, paused: f.paused, server: f.server}.write(d)
	}
}

// once returns a rendering that calls render once. A panic in it becomes an error.
func once(render rendering) rendering {
	return sync.OnceValues(func() (body []byte, err error) {
		defer recoverTo(&err)
		return render()
	})
}

func recoverTo(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("poolz: %v", p)
	}
}

// writeJSON returns a document as JSON with non-printable characters escaped, because it may be printed on a terminal.
func writeJSON(d any) ([]byte, error) {
	text, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r <= '~' || unicode.IsPrint(r) {
			b.Write(text[:size])
		} else {
			for _, unit := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
		text = text[size:]
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// WriteText writes the findings of all pools as text, as [diagnose.WriteText] does.
func (d Document) WriteText(w io.Writer) error {
	if len(d.Pools) == 0 {
		_, err := io.WriteString(w, "no pool is registered\n")
		return err
	}
	for _, p := range d.Pools {
		if err := diagnose.WriteText(w, p.Report, p.Findings); err != nil {
			return err
		}
	}
	return nil
}
