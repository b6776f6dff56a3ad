package poolz

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Option configures a handler.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

type config struct {
	access    func(*http.Request) bool
	traceLink string // "" for none
	server    *pgx.ConnConfig
	problem   error // of the options, for the page
}

func newConfig(opts []Option) config {
	var c config
	for _, opt := range opts {
		if opt != nil {
			c = opt.apply(c)
		}
	}
	if c.access == nil {
		c.access = fromThisMachine
	}
	if c.traceLink != "" {
		if c.problem = checkTraceLink(c.traceLink); c.problem != nil {
			c.traceLink = ""
		}
	}
	return c
}

// WithAccess sets who may see the page, in place of the rule that only the machine itself may: a request is served if
// allowed returns true for it. It is refused if allowed panics. The last of several options wins, and nil stands for the
// rule. allowed is called by many goroutines concurrently.
func WithAccess(allowed func(*http.Request) bool) Option {
	return optionFunc(func(c config) config {
		c.access = allowed
		return c
	})
}

// WithTraceLink makes the trace ids of holds links, to a template such as "https://traces.example.com/trace/{trace_id}": an
// address by http or https, with {trace_id} once, after the host, and without a password. With another template trace ids stay
// text, and the page says that the template is wrong. The last of several options wins; "" turns it off.
func WithTraceLink(template string) Option {
	return optionFunc(func(c config) config {
		c.traceLink = template
		return c
	})
}

// traceID is in the place of the trace id in a template.
const traceID = "{trace_id}"

// checkTraceLink returns an error unless a template is valid. The error does not repeat it: it may contain a secret.
func checkTraceLink(template string) error {
	u, err := url.Parse(strings.Replace(template, traceID, "id", 1))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(template, `\`) ||
		strings.Count(template, traceID) != 1 || !strings.HasPrefix(template, u.Scheme+"://"+u.Host) {
		return errors.New("the template of WithTraceLink is wrong, so trace ids are no links " +
			"(valid: http or https, a host without a password, and {trace_id} once after it)")
	}
	return nil
}

// WithServerView adds a link to the page, to ask PostgreSQL which session waits for a lock of which, and who has the server's
// connections, by [diagnose.Server] and without the text of queries. It is asked only while that view is open, over
// one connection of its own, at most every five seconds for all viewers together.
//
// server says where the server of the handler's pools is, such as pool.Config().ConnConfig. It must not be changed afterwards.
// The last of several options wins; nil turns it off.
func WithServerView(server *pgx.ConnConfig) Option {
	return optionFunc(func(c config) config {
		c.server = server
		return c
	})
}
