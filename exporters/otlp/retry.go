package otlp

import "time"

// RetryConfig tells how a request is repeated that failed for a reason which
// may pass, such as an unreachable receiver or status 503.
type RetryConfig struct {
	// Enabled switches retries on. The other fields count only then.
	Enabled bool
	// InitialInterval is the wait before the first retry, give or take half of
	// it. Later ones are longer.
	InitialInterval time.Duration
	// MaxInterval is the longest wait between two retries.
	MaxInterval time.Duration
	// MaxElapsedTime is when to give up.
	MaxElapsedTime time.Duration
}

// WithRetry sets how requests are retried. The default is after 5 seconds, then
// less often up to every 30 seconds, for a minute, within the time that
// [WithTimeout] and [WithExportTimeout] leave. While a request is retried no
// other export starts.
func WithRetry(r RetryConfig) Option {
	return optionFunc(func(c config) config {
		if r.Enabled && (r.InitialInterval <= 0 || r.MaxInterval < r.InitialInterval || r.MaxElapsedTime <= 0) {
			return c.reject("WithRetry has InitialInterval %v, MaxInterval %v and MaxElapsedTime %v: "+
				"want all above 0 and MaxInterval not below InitialInterval",
				r.InitialInterval, r.MaxInterval, r.MaxElapsedTime)
		}
		c.retry = &r
		return c
	})
}
