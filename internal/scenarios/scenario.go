package scenarios

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// Scenario is something that goes wrong.
type Scenario struct {
	Name string

	// Want is what the first finding must say. Also is a second cause, which another finding must name.
	Want Want
	Also *Want

	Load float64 // of eight connections; 0 for the usual

	// Within is the time in which the finding must come first; 0 for 30 s. Only what nobody feels may take longer.
	Within time.Duration

	// What the pool is set to, beyond MaxConns.
	Config  func(*pgxpool.Config)
	Sizing  *otelpool.Sizing
	Options []otelpool.Option

	Network bool // the pool reaches the server through a Proxy
	TLS     bool // and that ends TLS
	Asks    bool // the server is asked as well

	// FromStart tells that it is wrong from the start, or is so by the settings.
	FromStart bool

	// Begin makes it go wrong, and returns what repairs it. It is nil if only the settings are wrong.
	Begin func(ctx context.Context, e *Env) (repair func() error, err error)
}

// Want is a finding that is wanted: a kind, and the operations or units of work that may be named guilty. It must name none
// if there is none.
type Want struct {
	Kind   diagnose.Kind
	Guilty []string
	Says   string // a name that the summary must contain: a program that is guilty is no operation
}

func want(kind diagnose.Kind, guilty ...string) Want { return Want{Kind: kind, Guilty: guilty} }

// isBy reports whether a finding says that.
func (w Want) isBy(f diagnose.Finding) bool {
	if f.Kind != w.Kind || !strings.Contains(f.Summary, w.Says) {
		return false
	}
	return len(w.Guilty) == 0 && f.Operation == "" || slices.Contains(w.Guilty, f.Operation)
}
