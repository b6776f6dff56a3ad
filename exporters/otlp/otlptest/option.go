package otlptest

import "crypto/tls"

type config struct {
	listenAddr string
	path       string
	tls        *tls.Config
	refuse     func(n int) error
}

// Option configures a [Receiver]. A nil Option is ignored. Of an option given twice the last one wins.
type Option interface {
	apply(*config)
}

type option func(*config)

func (o option) apply(c *config) { o(c) }

func newConfig(opts []Option) config {
	c := config{listenAddr: "127.0.0.1:0", path: "/v1/metrics"}
	for _, o := range opts {
		if o != nil {
			o.apply(&c)
		}
	}
	return c
}

// WithAddr listens on hostPort, for a receiver that starts late or comes back after Close. The default is a free
// loopback port.
func WithAddr(hostPort string) Option {
	return option(func(c *config) { c.listenAddr = hostPort })
}

// WithPath receives metrics over HTTP at path; any other path returns status 404. The default is /v1/metrics. It has no
// effect over gRPC.
func WithPath(path string) Option {
	return option(func(c *config) { c.path = path })
}

// WithTLS serves over TLS. The configuration needs a certificate. A nil t is plain text, the default.
func WithTLS(t *tls.Config) Option {
	return option(func(c *config) { c.tls = t.Clone() })
}

// WithRefusal calls refuse for the nth request, counted from 1. The receiver answers with the error it returns, and
// does not keep the request; on nil it takes the request. Over gRPC a status error is sent as it is. Over HTTP
// codes.Unavailable becomes status 503, and any other error status 400. refuse must be safe for concurrent use.
func WithRefusal(refuse func(n int) error) Option {
	return option(func(c *config) { c.refuse = refuse })
}
