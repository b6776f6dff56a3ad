package otlptest

import "crypto/tls"

type config struct {
	listenAddr string
	path       string
	tls        *tls.Config
	refuse     func(n int) error
}

// Option configures a [Receiver].
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

func newConfig(opts []Option) config {
	c := config{listenAddr: "127.0.0.1:0", path: "/v1/metrics"}
	for _, o := range opts {
		c = o.apply(c)
	}
	return c
}

// WithAddr listens on hostPort, for a receiver that comes up late or comes back.
// By default it is a free loopback port.
func WithAddr(hostPort string) Option {
	return optionFunc(func(c config) config {
		c.listenAddr = hostPort
		return c
	})
}

// WithPath takes metrics over HTTP at path; others get status 404. The default
// is /v1/metrics.
func WithPath(path string) Option {
	return optionFunc(func(c config) config {
		c.path = path
		return c
	})
}

// WithTLS serves over TLS.
func WithTLS(t *tls.Config) Option {
	return optionFunc(func(c config) config {
		c.tls = t.Clone()
		return c
	})
}

// WithRefusal answers the nth request, counted from 1, with the error that
// refuse returns, and does not keep it; with nil the request is taken. A gRPC
// status error goes over gRPC as it is. Over HTTP Unavailable becomes status
// 503, and any other error 400.
func WithRefusal(refuse func(n int) error) Option {
	return optionFunc(func(c config) config {
		c.refuse = refuse
		return c
	})
}
