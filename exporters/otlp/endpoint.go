package otlp

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strconv"
	"strings"
)

// metricsPath is the default path of OTLP receivers for metrics over HTTP.
const metricsPath = "/v1/metrics"

// security is the transport security that an endpoint itself selects.
type security int

const (
	securityUnset security = iota // none: WithInsecure or the environment decides
	securityPlain                 // plain text
	securityTLS                   // TLS
)

// endpoint is the destination of the metrics.
type endpoint struct {
	source   string // the option or variable that set it; empty for the default
	byOption bool
	security security
	address  string // host:port, or with gRPC a target such as unix:///run/otel.sock
	path     string // HTTP only, escaped as it is sent
}

func (c config) resolveEndpoint(p Protocol) (endpoint, error) {
	if err := checkEndpointVariables(); err != nil {
		return endpoint{}, err
	}
	if c.endpoint != "" && !c.endpointIsURL {
		e := endpoint{source: "WithEndpoint", byOption: true, address: c.endpoint, path: metricsPath}
		if !isHostPort(c.endpoint) {
			return endpoint{}, errors.New("WithEndpoint has an address that is not host:port, such as collector:4317")
		}
		return e, nil
	}
	if c.endpoint != "" {
		e, err := parseEndpoint("WithEndpointURL", c.endpoint, p)
		e.byOption = true
		if e.path == "" {
			e.path = metricsPath
		}
		return e, err
	}
	if v := lookup(envMetricsPrefix + "ENDPOINT"); v.isSet() {
		e, err := parseEndpoint(v.name, v.value, p)
		if e.path == "" {
			e.path = "/" // the specification says so for this variable
		}
		return e, err
	}
	if v := lookup(envPrefix + "ENDPOINT"); v.isSet() {
		e, err := parseEndpoint(v.name, v.value, p)
		e.path = path.Join(e.path, metricsPath)
		return e, err
	}
	return endpoint{address: net.JoinHostPort("localhost", p.port()), path: metricsPath}, nil
}

// parseEndpoint parses value as a URL, or with gRPC as a target. Its errors contain no part of value, which may hold a
// password or a token.
func parseEndpoint(source, value string, p Protocol) (endpoint, error) {
	want := "want http://host:port or https://host:port"
	if p == ProtocolGRPC {
		want += ", host:port, unix:///path or dns:///host:port"
		if isHostPort(value) {
			return endpoint{source: source, address: value}, nil
		}
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return endpoint{}, fmt.Errorf("%s is not a URL: %s", source, want)
	case u.User != nil || strings.Contains(u.Opaque, "@"):
		return endpoint{}, fmt.Errorf("%s has a user name or a password, which OTLP does not send: use headers instead", source)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return endpoint{}, fmt.Errorf("%s has a query or fragment, which OTLP does not send: %s", source, want)
	}

	switch scheme := strings.ToLower(u.Scheme); {
	case scheme == "http" || scheme == "https":
		return httpEndpoint(source, scheme, want, u, p)
	case p == ProtocolGRPC && scheme == "unix" && (u.Path != "" || u.Opaque != ""):
		return endpoint{source: source, security: securityPlain, address: value}, nil
	case p == ProtocolGRPC && scheme == "dns" && (u.Path != "" || u.Opaque != ""):
		return endpoint{source: source, address: value}, nil
	}
	return endpoint{}, fmt.Errorf("%s has no scheme that protocol %s supports: %s", source, p, want)
}

func httpEndpoint(source, scheme, want string, u *url.URL, p Protocol) (endpoint, error) {
	if u.Hostname() == "" || (u.Port() != "" && !isPort(u.Port())) {
		return endpoint{}, fmt.Errorf("%s has no host or an invalid port: %s", source, want)
	}
	e := endpoint{source: source, security: securityTLS, address: u.Host, path: u.EscapedPath()}
	port := "443"
	if scheme == "http" {
		e.security, port = securityPlain, "80"
	}
	if p == ProtocolGRPC {
		if u.Path != "" && u.Path != "/" {
			return endpoint{}, fmt.Errorf("%s has a path, which protocol %s does not use: %s, or protocol %q", source, p, want, ProtocolHTTP)
		}
		// The default port of gRPC is 443 even in plain text.
		if u.Port() == "" {
			e.address = net.JoinHostPort(u.Hostname(), port)
		}
	}
	return e, nil
}

// checkEndpointVariables returns an error for a variable that is neither a URL nor host:port, even if it is overridden.
// The OpenTelemetry exporters read it anyway, and log a value that they cannot parse, with any password in it.
func checkEndpointVariables() error {
	for _, prefix := range []string{envMetricsPrefix, envPrefix} {
		v := lookup(prefix + "ENDPOINT")
		if _, err := url.Parse(v.value); err != nil && !isHostPort(v.value) {
			return fmt.Errorf("%s is not a URL: want http://host:port or https://host:port", v.name)
		}
	}
	return nil
}

// unescapePath returns a path that EscapedPath of a URL returned, without its escapes.
func unescapePath(escaped string) string {
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return escaped
	}
	return path
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && !strings.ContainsAny(host, "/@?# ") && isPort(port)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}
