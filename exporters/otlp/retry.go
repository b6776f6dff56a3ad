package otlp

import "time"

// RetryConfig configures the retries of requests that failed for a temporary reason: a receiver that cannot be reached or
// closes the connection, status 429, 502, 503 and 504, or with gRPC the codes that the OTLP specification lists.
type RetryConfig struct {
	// Enabled enables retries. The other fields are used only then.
	Enabled bool
	// InitialInterval is the wait before the first retry, randomized by up to half of it. Later waits are longer.
	InitialInterval time.Duration
	// MaxInterval is the longest wait between two retries.
	MaxInterval time.Duration
	// MaxElapsedTime is the time after which retries stop.
	MaxElapsedTime time.Duration
}

// WithRetry sets the retries of requests. By default the first retry comes after 5 seconds; the interval then grows up
// to 30 seconds, and retries end after a minute. [WithTimeout] and [WithExportTimeout] also limit them. No other export
// starts while a request is retried.
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
