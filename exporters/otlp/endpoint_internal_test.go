package otlp

import (
	"cmp"
	"testing"
)

func TestEndpointFollowsSpecification(t *testing.T) {
	for _, tc := range []struct {
		name     string
		protocol Protocol
		env      map[string]string
		want     string
		wantTLS  bool
	}{
		{"HTTP", ProtocolHTTP, nil, "localhost:4318", false},
		{"gRPC", ProtocolGRPC, nil, "localhost:4317", false},
		{"insecure applies to a given endpoint only", ProtocolGRPC,
			map[string]string{"OTEL_EXPORTER_OTLP_INSECURE": "false"}, "localhost:4317", false},
		{"port of gRPC in plain text", ProtocolGRPC,
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host"}, "host:80", false},
		{"port of gRPC over TLS", ProtocolGRPC,
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "https://[::1]"}, "[::1]:443", true},
		{"Unix socket", ProtocolGRPC,
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "unix:///run/otel.sock"}, "unix:///run/otel.sock", false},
		{"host and port of gRPC", ProtocolGRPC,
			map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "host:4317"}, "host:4317", true},
		{"scheme before insecure", ProtocolHTTP, map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "https://host:4318", "OTEL_EXPORTER_OTLP_INSECURE": "true",
		}, "host:4318", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			c, err := newConfig([]Option{WithProtocol(tc.protocol)})
			if err != nil {
				t.Fatal(err)
			}
			address := cmp.Or(c.target.Host, c.target.String())
			if address != tc.want || (c.tls != nil) != tc.wantTLS {
				t.Errorf("got %s, TLS %v: want %s, TLS %v", address, c.tls != nil, tc.want, tc.wantTLS)
			}
		})
	}
}
