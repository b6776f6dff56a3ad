package poolz

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Option configures a handler. A nil Option is ignored. If an option is repeated, the last one wins.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

type config struct {
	access    func(*http.Request) bool
	traceLink string // "" for none
	server    *pgx.ConnConfig
	problem   error // in the options; shown on the page
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

// WithAccess sets which requests are served, instead of only those from the same machine: those for which allowed
// returns true. A request is refused if allowed panics. A nil function restores the default. allowed must be safe for
// concurrent use.
func WithAccess(allowed func(*http.Request) bool) Option {
	return optionFunc(func(c config) config {
		c.access = allowed
		return c
	})
}

// WithTraceLink makes the trace IDs of holds links, by a template such as
// "https://traces.example.com/trace/{trace_id}". The template must be an http or https URL without a password, with
// {trace_id} once, after the host. With an invalid template trace IDs remain text, and the page says so. The empty
// template, which is the default, turns links off.
func WithTraceLink(template string) Option {
	return optionFunc(func(c config) config {
		c.traceLink = template
		return c
	})
}

// traceID is the placeholder of the trace ID in a template.
const traceID = "{trace_id}"

// checkTraceLink returns an error if a template is invalid. The error does not repeat the template, which may contain a
// secret.
func checkTraceLink(template string) error {
	u, err := url.Parse(strings.Replace(template, traceID, "id", 1))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Contains(template, `\`) ||
		strings.Count(template, traceID) != 1 || !strings.HasPrefix(template, u.Scheme+"://"+u.Host) {
		return errors.New("the template of WithTraceLink is invalid, so trace IDs are not links " +
			"(valid: http or https, a host without a password, and {trace_id} once after it)")
	}
	return nil
}

// WithServerView adds a view of PostgreSQL to the page, made by [diagnose.Server]: which sessions wait for locks of
// which others, and which clients have the server's connections. It shows no query texts. PostgreSQL is queried only
// while that view is open, over a separate connection, at most every five seconds for all viewers together.
//
// server is the configuration for connecting to the server of the handler's pools, such as pool.Config().ConnConfig. It
// must not be changed afterwards. A nil server, which is the default, turns the view off.
func WithServerView(server *pgx.ConnConfig) Option {
	return optionFunc(func(c config) config {
		c.server = server
		return c
	})
}
