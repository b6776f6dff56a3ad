package otlp

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
)

const (
	withEndpoint = "WithEndpoint"
	// metricsPath is the default path of OTLP receivers for metrics over HTTP.
	metricsPath = "/v1/metrics"
)

// resolveEndpoint sets c.target and c.tls from the options and the environment.
func (c *config) resolveEndpoint() {
	s := c.endpoint
	for _, name := range []string{envMetricsPrefix + "ENDPOINT", envPrefix + "ENDPOINT"} {
		v := lookup(name)
		if s.name == "" {
			s = v
		} else if _, err := url.Parse(v.value); err != nil && !isHostPort(v.value) {
			// The OpenTelemetry exporters log it, with any password in it.
			c.reject("%s is not a URL: want http://host:port or https://host:port", name)
		}
	}
	if s.name == "" {
		s.value = map[Protocol]string{ProtocolGRPC: "localhost:4317", ProtocolHTTP: "localhost:4318"}[c.protocol]
	}
	u, problem := c.parseEndpoint(s)
	if problem != "" {
		c.reject("%s %s", s.name, problem)
		return
	}
	switch {
	case s.name == envPrefix+"ENDPOINT":
		u.Path = cmp.Or(u.Path, "/")
		u = u.JoinPath(metricsPath)
	case s.name == envMetricsPrefix+"ENDPOINT" && u.Path == "":
		u.Path = "/" // The specification says so for this variable.
	case u.Path == "":
		u.Path = metricsPath
	}
	c.tls = c.resolveTLS(s.name, u.Scheme)
	if u.Opaque == "" {
		u.Scheme = "http"
		if c.tls != nil {
			u.Scheme = "https"
		}
	}
	c.target = u
}

// parseEndpoint parses s as a URL, as host:port, or with gRPC as a target. problem contains no part of the value, which
// may hold a password or a token.
func (c *config) parseEndpoint(s setting) (u *url.URL, problem string) {
	want := ": want http://host:port or https://host:port"
	isGRPC := c.protocol == ProtocolGRPC
	if isGRPC {
		want += ", host:port, unix:///path or dns:///host:port"
	}
	u, err := url.Parse(s.value)
	switch {
	case isHostPort(s.value) && (isGRPC || s.name == withEndpoint || s.name == ""):
		return &url.URL{Host: s.value}, ""
	case s.name == withEndpoint:
		return nil, "is not an address: want host:port, such as collector:4317"
	case err != nil:
		return nil, "is not a URL" + want
	case u.User != nil || strings.Contains(u.Opaque, "@"):
		return nil, "has a user name or a password, which OTLP does not send: use headers instead"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, "has a query or fragment, which OTLP does not send" + want
	case isGRPC && (u.Scheme == "unix" || u.Scheme == "dns") && u.Path+u.Opaque != "":
		return &url.URL{Scheme: u.Scheme, Opaque: s.value[len(u.Scheme)+1:]}, ""
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Sprintf("has no scheme that protocol %s supports%s", c.protocol, want)
	case u.Hostname() == "" || u.Port() != "" && !isPort(u.Port()):
		return nil, "has no host or an invalid port" + want
	case isGRPC && u.Path != "" && u.Path != "/":
		return nil, fmt.Sprintf("has a path, which protocol %s does not use%s, or protocol %q", c.protocol, want, ProtocolHTTP)
	case isGRPC && u.Port() == "": // The default port of gRPC is 443 even in plain text.
		u.Host = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
	}
	return u, ""
}

func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	return err == nil && host != "" && !strings.ContainsAny(host, "/@?# ") && isPort(port)
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// resolveTLS returns the TLS configuration for the endpoint that source sets, or nil for plain text. Contradictory
// settings are an error, because a wrong guess would send headers, and the tokens in them, in plain text.
func (c *config) resolveTLS(source, scheme string) *tls.Config {
	ca, cert, key := lookupOTLP("CERTIFICATE"), lookupOTLP("CLIENT_CERTIFICATE"), lookupOTLP("CLIENT_KEY")
	insecure := lookupOTLP("INSECURE")
	plainBy, tlsBy := "", "" // the settings that select plain text and TLS
	switch {
	case c.insecure:
		plainBy = "WithInsecure"
	case scheme == "http" || scheme == "unix":
		plainBy = source
	case scheme != "https" && source != "" && c.tls == nil && oneOf(c, insecure, "true", "false") == "true":
		plainBy = insecure.name
	}
	switch {
	case c.tls != nil:
		tlsBy = "WithTLSConfig"
	case scheme == "https":
		tlsBy = source
	case !strings.HasPrefix(plainBy, "With"): // An option overrides the files.
		tlsBy = cmp.Or(ca.name, cert.name, key.name)
	}
	switch {
	case plainBy != "" && tlsBy != "":
		c.reject("%s, which selects plain text, contradicts %s, which selects TLS: want one of them", plainBy, tlsBy)
		return nil
	case plainBy != "" || tlsBy == "" && source == "": // The default endpoint is plain text.
		return nil
	case c.tls != nil:
		return c.tls
	}

	files := &tls.Config{} // Without ca it trusts the certificate authorities of the system.
	if ca.name != "" {
		pem, err := os.ReadFile(ca.value)
		files.RootCAs = x509.NewCertPool()
		if !files.RootCAs.AppendCertsFromPEM(pem) {
			c.reject("%s is %q: want a PEM file: %w", ca.name, ca.value, cmp.Or(err, errors.New("no certificate in it")))
		}
	}
	if cert.name+key.name != "" {
		pair, err := tls.LoadX509KeyPair(cert.value, key.value)
		if err != nil {
			c.reject("%s and %s: want both, as PEM files: %w",
				cmp.Or(cert.name, envPrefix+"CLIENT_CERTIFICATE"), cmp.Or(key.name, envPrefix+"CLIENT_KEY"), err)
		}
		files.Certificates = []tls.Certificate{pair}
	}
	return files
}
