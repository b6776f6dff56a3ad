package poolz

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// allows calls a rule, which refuses if it panics.
func allows(rule func(*http.Request) bool, r *http.Request) (allowed bool) {
	defer func() {
		if recover() != nil {
			allowed = false
		}
	}()
	return rule(r)
}

// forwarded are headers that proxies add to the requests they forward.
var (
	forwarded = []string{
		"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "X-Proxyuser-Ip",
		"True-Client-Ip", "Cf-Connecting-Ip", "Fly-Client-Ip", "Fastly-Client-Ip", "Cdn-Loop", "Proxy-Connection",
	}
	forwardedPrefixes = []string{"X-Forwarded", "X-Original", "X-Envoy"}
)

// fromThisMachine is the rule without WithAccess.
func fromThisMachine(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	return err == nil && isLoopback(host) && namesThisMachine(r.Host) && !isForwarded(r.Header)
}

// namesThisMachine reports whether a Host header is localhost or a loopback address: names that DNS rebinding cannot
// use.
func namesThisMachine(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil { // there is no port
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	return strings.EqualFold(host, "localhost") || isLoopback(host)
}

func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

func isForwarded(header http.Header) bool {
	for name := range header {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-")) // gateways to CGI write X_Forwarded_For
		begins := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if slices.Contains(forwarded, name) || slices.ContainsFunc(forwardedPrefixes, begins) {
			return true
		}
	}
	return false
}
