package otlp

import (
	"crypto/tls"
	"errors"
	"time"
)

// settings is a config completed from the environment and checked. The OpenTelemetry exporters themselves read the
// headers, temporality and aggregation of the environment. These are checked too, because the exporters would log an
// error and use a default.
type settings struct {
	config
	target    endpoint
	clientTLS *tls.Config // nil for plain text
}

func newSettings(c config) (settings, error) {
	errs := c.errs
	check := func(err error) {
		errs = append(errs, err)
	}

	protocol, err := c.resolveProtocol()
	if err != nil {
		// The other checks depend on the protocol.
		return settings{}, errors.Join(append(errs, err)...)
	}
	c.protocol = protocol

	s := settings{}
	s.target, err = c.resolveEndpoint(protocol)
	check(err)
	if err == nil {
		s.clientTLS, err = c.resolveTLS(s.target)
		check(err)
	}
	check(c.checkHeaders(protocol))

	c, err = c.resolveRequests()
	check(err)
	if c.temporality == nil {
		check(lookup(envTemporality).oneOf("cumulative", "delta", "lowmemory"))
	}
	if c.aggregation == nil {
		check(lookup(envHistogram).oneOf("explicit_bucket_histogram", "base2_exponential_bucket_histogram"))
	}
	s.config = c
	return s, errors.Join(errs...)
}

func (c config) resolveProtocol() (Protocol, error) {
	if c.protocol != "" {
		return c.protocol, nil
	}
	v := lookupOTLP("PROTOCOL")
	if !v.isSet() {
		return ProtocolHTTP, nil
	}
	return parseProtocol(v.name, v.value)
}

// resolveRequests sets the compression and the durations from the environment unless an option sets them.
func (c config) resolveRequests() (config, error) {
	var errs []error
	if v := lookupOTLP("COMPRESSION"); c.compression == "" && v.isSet() {
		compression, err := parseCompression(v.name, v.value)
		c.compression = compression
		errs = append(errs, err)
	}
	for _, d := range []struct {
		value *time.Duration
		env   variable
	}{
		{&c.timeout, lookupOTLP("TIMEOUT")},
		{&c.interval, lookup(envInterval)},
		{&c.exportTimeout, lookup(envExportTimeout)},
	} {
		if *d.value == 0 {
			value, err := d.env.millis()
			*d.value = value
			errs = append(errs, err)
		}
	}
	return c, errors.Join(errs...)
}
