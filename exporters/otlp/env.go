package otlp

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	envPrefix        = "OTEL_EXPORTER_OTLP_"
	envMetricsPrefix = "OTEL_EXPORTER_OTLP_METRICS_"

	envInterval      = "OTEL_METRIC_EXPORT_INTERVAL"
	envExportTimeout = "OTEL_METRIC_EXPORT_TIMEOUT"
	envTemporality   = envMetricsPrefix + "TEMPORALITY_PREFERENCE"
	envHistogram     = envMetricsPrefix + "DEFAULT_HISTOGRAM_AGGREGATION"
)

// variable is an environment variable. The zero value is a variable that is not set.
type variable struct {
	name, value string
}

func (v variable) isSet() bool { return v.value != "" }

// lookup returns the named variable. An empty variable counts as unset, as the OpenTelemetry specification says.
func lookup(name string) variable {
	value := strings.TrimSpace(os.Getenv(name))
	if value == "" {
		return variable{}
	}
	return variable{name, value}
}

// lookupOTLP returns the variable for a setting such as "TIMEOUT": the one for metrics only, or else the one for all
// signals.
func lookupOTLP(setting string) variable {
	if v := lookup(envMetricsPrefix + setting); v.isSet() {
		return v
	}
	return lookup(envPrefix + setting)
}

// millis parses v as a number of milliseconds. It returns 0 if v is not set.
func (v variable) millis() (time.Duration, error) {
	if !v.isSet() {
		return 0, nil
	}
	n, err := strconv.ParseInt(v.value, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64/int64(time.Millisecond) {
		return 0, fmt.Errorf("%s is %q: want a whole number of milliseconds above 0", v.name, v.value)
	}
	return time.Duration(n) * time.Millisecond, nil
}

// flag parses v as true or false. It returns false if v is not set.
func (v variable) flag() (bool, error) {
	switch strings.ToLower(v.value) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, fmt.Errorf(`%s is %q: want "true" or "false"`, v.name, v.value)
}

// oneOf returns an error if v is set but not one of allowed, ignoring case.
func (v variable) oneOf(allowed ...string) error {
	if !v.isSet() {
		return nil
	}
	for _, a := range allowed {
		if strings.EqualFold(v.value, a) {
			return nil
		}
	}
	return fmt.Errorf("%s is %q: want one of %q", v.name, v.value, allowed)
}
