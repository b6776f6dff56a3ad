package otlp

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

const (
	envPrefix        = "OTEL_EXPORTER_OTLP_"
	envMetricsPrefix = envPrefix + "METRICS_"

	// defaultBatchSize keeps a request below 4 MiB, the limit of gRPC receivers. A data point may be a histogram with an
	// exemplar in each bucket and the longest operation name, about 1.7 kB.
	defaultBatchSize = 1500
)

// config has the values of the options, else of the environment. The OpenTelemetry exporters read the environment too,
// but log an invalid value and use a default.
type config struct {
	protocol      Protocol
	endpoint      setting
	target        *url.URL // the endpoint with its scheme and, with HTTP, its path; with gRPC also one such as unix:///path
	insecure      bool
	tls           *tls.Config // nil for plain text
	headers       map[string]string
	compression   Compression
	timeout       time.Duration
	interval      time.Duration
	exportTimeout time.Duration
	batchSize     int
	producers     []sdkmetric.Producer

	temporality, aggregation bool // whether an option sets it

	grpc []otlpmetricgrpc.Option
	http []otlpmetrichttp.Option
	errs []error
}

// setting is the name and the value of an option or variable. The zero value is a variable that is not set.
type setting struct{ name, value string }

// lookup returns the first of the variables that is set. An empty one counts as unset, as the specification says.
func lookup(names ...string) setting {
	for _, name := range names {
		if value := strings.TrimSpace(os.Getenv(name)); value != "" {
			return setting{name, value}
		}
	}
	return setting{}
}

// lookupOTLP returns the variable for metrics only, or else the one for all signals.
func lookupOTLP(key string) setting { return lookup(envMetricsPrefix+key, envPrefix+key) }

func newConfig(opts []Option) (*config, error) {
	c := &config{batchSize: defaultBatchSize}
	for _, o := range opts {
		if o != nil {
			o.apply(c)
		}
	}
	if c.protocol == "" {
		s := cmp.Or(lookupOTLP("PROTOCOL"), setting{"the default", string(ProtocolHTTP)})
		if c.protocol = oneOf(c, s, ProtocolGRPC, ProtocolHTTP); c.protocol == "" {
			return nil, errors.Join(c.errs...) // The other checks depend on the protocol.
		}
	}
	c.resolveEndpoint()
	c.resolveHeaders()
	if c.compression == "" {
		c.compression = oneOf(c, lookupOTLP("COMPRESSION"), CompressionGzip, CompressionNone)
	}
	c.setMillis(&c.timeout, lookupOTLP("TIMEOUT"), 10*time.Second)
	c.setMillis(&c.interval, lookup("OTEL_METRIC_EXPORT_INTERVAL"), time.Minute)
	c.setMillis(&c.exportTimeout, lookup("OTEL_METRIC_EXPORT_TIMEOUT"), 30*time.Second)
	if !c.temporality {
		oneOf(c, lookup(envMetricsPrefix+"TEMPORALITY_PREFERENCE"), "cumulative", "delta", "lowmemory")
	}
	if !c.aggregation {
		oneOf(c, lookup(envMetricsPrefix+"DEFAULT_HISTOGRAM_AGGREGATION"),
			"explicit_bucket_histogram", "base2_exponential_bucket_histogram")
	}
	return c, errors.Join(c.errs...)
}

func (c *config) reject(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// pass adds an option for the OpenTelemetry exporters.
func (c *config) pass(grpc otlpmetricgrpc.Option, http otlpmetrichttp.Option) {
	c.grpc, c.http = append(c.grpc, grpc), append(c.http, http)
}

// oneOf returns the value of s in lower case. For a value that is not allowed it adds an error, and returns "".
func oneOf[T ~string](c *config, s setting, allowed ...T) T {
	value := T(strings.ToLower(s.value))
	if s.name != "" && !slices.Contains(allowed, value) {
		c.reject("%s is %q: want one of %q", s.name, s.value, allowed)
		return ""
	}
	return value
}

func positive[N int | time.Duration](c *config, option string, n N) N {
	if n <= 0 {
		c.reject("%s is %v: want more than 0", option, n)
	}
	return n
}

// setMillis sets d to the milliseconds of s, or else to otherwise, unless an option has set it.
func (c *config) setMillis(d *time.Duration, s setting, otherwise time.Duration) {
	if *d != 0 {
		return
	}
	n, err := strconv.ParseInt(cmp.Or(s.value, strconv.FormatInt(otherwise.Milliseconds(), 10)), 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/int64(time.Millisecond) {
		c.reject("%s is %q: want a whole number of milliseconds above 0", s.name, s.value)
	}
	*d = time.Duration(n) * time.Millisecond
}

// The names and values of headers that a protocol transports. Others would fail every request instead of NewReader.
var (
	headerNames = map[Protocol]*regexp.Regexp{
		ProtocolGRPC: regexp.MustCompile(`^[-_.0-9A-Za-z]+$`),
		ProtocolHTTP: regexp.MustCompile("^[-_.0-9A-Za-z!#$%&'*+^`|~]+$"),
	}
	headerValues = map[Protocol]*regexp.Regexp{
		ProtocolGRPC: regexp.MustCompile(`^[ -~]*$`),
		ProtocolHTTP: regexp.MustCompile(`^[^\x00-\x08\x0a-\x1f\x7f]*$`),
	}
)

// resolveHeaders sets c.headers, and checks the headers of the options and of both variables, even if one overrides the
// other: the OpenTelemetry exporters read them anyway, and log what they cannot parse. An entry of a variable is
// identified by its position only, because it may be the token itself, as in "Authorization: Bearer abc=".
func (c *config) resolveHeaders() {
	for _, name := range slices.Sorted(maps.Keys(c.headers)) {
		if problem := c.headerProblem(name, c.headers[name]); problem == badName {
			c.reject("WithHeaders: a header %s", problem)
		} else if problem != "" {
			c.reject("WithHeaders: header %q %s", name, problem)
		}
	}
	byOption := c.headers != nil
	for _, s := range []setting{lookup(envPrefix + "HEADERS"), lookup(envMetricsPrefix + "HEADERS")} {
		if s.name == "" {
			continue
		}
		headers := make(map[string]string)
		entries := strings.Split(s.value, ",")
		for i, entry := range entries {
			name, escaped, found := strings.Cut(entry, "=")
			value, err := url.PathUnescape(escaped)
			name, value = strings.TrimSpace(name), strings.TrimSpace(value)
			headers[name] = value
			problem := c.headerProblem(name, value)
			if !found {
				problem = "is not name=value"
			} else if err != nil {
				problem = "has an invalid %-escape in its value"
			}
			if problem != "" {
				c.reject("%s: entry %d of %d %s: want name=value,name=value with values %%-escaped", s.name, i+1, len(entries), problem)
			}
		}
		if !byOption {
			c.headers = headers
		}
	}
}

const badName = "has an invalid character in its name"

func (c *config) headerProblem(name, value string) string {
	switch {
	case !headerNames[c.protocol].MatchString(name):
		return badName
	case c.protocol == ProtocolGRPC && strings.HasSuffix(strings.ToLower(name), "-bin"): // Any value is sent, in base64.
	case !headerValues[c.protocol].MatchString(value):
		return "has an invalid character in its value"
	}
	return ""
}
