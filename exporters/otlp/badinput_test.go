package otlp_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/exporters/otlp"
)

// secret stands for a token or a password. No error may contain it.
const secret = "s3cr3t"

func TestBadInputErrorNamesSettingAndValidValues(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	noError(t, os.WriteFile(notPEM, []byte("hello"), 0o600))
	certs := newCertificates(t)
	const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"
	const certificate = "OTEL_EXPORTER_OTLP_CERTIFICATE"
	const headers = "OTEL_EXPORTER_OTLP_HEADERS"
	type opts = []otlp.Option
	type env = map[string]string

	for _, tc := range []struct {
		name string
		env  env
		opts opts
		want []string
	}{
		{"protocol of the environment", env{"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, nil,
			[]string{`OTEL_EXPORTER_OTLP_PROTOCOL is "http/json"`, `one of ["grpc" "http/protobuf"]`}},
		{"protocol of the environment for metrics",
			env{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "udp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, nil,
			[]string{`OTEL_EXPORTER_OTLP_METRICS_PROTOCOL is "udp"`, `one of ["grpc" "http/protobuf"]`}},
		{"protocol option", nil, opts{otlp.WithProtocol("tcp")}, []string{`WithProtocol is "tcp"`, `one of ["grpc" "http/protobuf"]`}},
		{"empty protocol option", nil, opts{otlp.WithProtocol("")}, []string{`WithProtocol is ""`}},

		{"endpoint that is not a URL", env{endpoint: "http://[::1"}, nil, []string{endpoint, "not a URL", "https://host:port"}},
		{"endpoint with a bad port", env{endpoint: "http://host:99999"}, nil, []string{endpoint, "port"}},
		{"endpoint without a host", env{endpoint: "http:///v1"}, nil, []string{endpoint, "no host"}},
		{"endpoint without a scheme", env{endpoint: "localhost:4318"}, nil, []string{endpoint, "no scheme", "http://host:port"}},
		{"endpoint with an unknown scheme", env{endpoint: "ftp://host"}, nil, []string{endpoint, "scheme", "https://host:port"}},
		{"endpoint of gRPC with an unknown scheme",
			env{endpoint: "xds:///host", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, nil, []string{endpoint, "scheme", "dns:///"}},
		{"endpoint of gRPC with a path",
			env{endpoint: "http://host:4317/v1/metrics", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, nil,
			[]string{endpoint, "path", "http/protobuf"}},
		{"Unix socket with HTTP", env{endpoint: "unix:///run/otel.sock"}, nil, []string{endpoint, "scheme"}},
		{"endpoint with a password", env{endpoint: "https://user:" + secret + "@host"}, nil, []string{endpoint, "password", "headers"}},
		{"endpoint with a password, malformed", env{endpoint: "https://us er:" + secret + "@host"}, nil, []string{endpoint, "not a URL"}},
		{"endpoint with a password, no scheme", env{endpoint: "user:" + secret + "@host:4318"}, nil, []string{endpoint, "password"}},
		{"endpoint with a password, malformed and overridden", env{endpoint: "https://us er:" + secret + "@host"},
			opts{otlp.WithEndpoint("host:4318")}, []string{endpoint, "not a URL"}},
		{"endpoint with a query", env{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "https://host/?key=" + secret}, nil,
			[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "query"}},
		{"URL option with a password", nil, opts{otlp.WithEndpointURL("https://user:" + secret + "@host")},
			[]string{"WithEndpointURL", "password"}},
		{"URL option that is not a URL", nil, opts{otlp.WithEndpointURL("https://host:" + secret)}, []string{"WithEndpointURL", "not a URL"}},
		{"empty URL option", nil, opts{otlp.WithEndpointURL("")}, []string{"WithEndpointURL has no scheme", "http://host:port"}},
		{"endpoint option with a URL", nil, opts{otlp.WithEndpoint("http://host:4318")}, []string{"WithEndpoint", "host:port"}},
		{"endpoint option with a password", nil, opts{otlp.WithEndpoint(secret + "@host:4318")}, []string{"WithEndpoint", "host:port"}},
		{"endpoint option without a port", nil, opts{otlp.WithEndpoint("host")}, []string{"WithEndpoint", "host:port"}},
		{"endpoint option with port 0", nil, opts{otlp.WithEndpoint("host:0")}, []string{"WithEndpoint", "host:port"}},
		{"empty endpoint option", nil, opts{otlp.WithEndpoint("")}, []string{"WithEndpoint is not an address", "host:port"}},

		{"interval of the environment", env{"OTEL_METRIC_EXPORT_INTERVAL": "10s"}, nil,
			[]string{`OTEL_METRIC_EXPORT_INTERVAL is "10s"`, "milliseconds"}},
		{"interval of the environment 0", env{"OTEL_METRIC_EXPORT_INTERVAL": "0"}, nil, []string{"OTEL_METRIC_EXPORT_INTERVAL", "above 0"}},
		{"interval of the environment too long", env{"OTEL_METRIC_EXPORT_INTERVAL": "9223372036854775807"}, nil,
			[]string{"OTEL_METRIC_EXPORT_INTERVAL"}},
		{"export timeout of the environment", env{"OTEL_METRIC_EXPORT_TIMEOUT": "-1"}, nil, []string{"OTEL_METRIC_EXPORT_TIMEOUT", "above 0"}},
		{"timeout of the environment", env{"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT": "1.5"}, nil,
			[]string{"OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "milliseconds"}},
		{"interval option", nil, opts{otlp.WithInterval(0)}, []string{"WithInterval is 0s", "more than 0"}},
		{"timeout option", nil, opts{otlp.WithTimeout(-time.Second)}, []string{"WithTimeout is -1s", "more than 0"}},
		{"export timeout option", nil, opts{otlp.WithExportTimeout(0)}, []string{"WithExportTimeout is 0s", "more than 0"}},
		{"batch size option", nil, opts{otlp.WithMaxExportBatchSize(0)}, []string{"WithMaxExportBatchSize is 0", "more than 0"}},
		{"retry option", nil, opts{otlp.WithRetry(otlp.RetryConfig{Enabled: true})}, []string{"WithRetry", "above 0"}},

		{"certificate that is missing", env{endpoint: "https://host", certificate: "/no/such/file"}, nil,
			[]string{certificate, "/no/such/file"}},
		{"certificate that is not PEM", env{endpoint: "https://host", "OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": notPEM}, nil,
			[]string{"OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE", notPEM, "PEM"}},
		{"client certificate without a key", env{endpoint: "https://host", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": notPEM}, nil,
			[]string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "CLIENT_KEY"}},
		{"client key without a certificate", env{endpoint: "https://host", "OTEL_EXPORTER_OTLP_CLIENT_KEY": notPEM}, nil,
			[]string{"OTEL_EXPORTER_OTLP_CLIENT_KEY", "CLIENT_CERTIFICATE"}},
		{"client certificate that is not PEM", env{
			endpoint:                                "https://host",
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": notPEM, "OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY": notPEM,
		}, nil, []string{"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_METRICS_CLIENT_KEY"}},
		{"insecure that is not a bool", env{"OTEL_EXPORTER_OTLP_INSECURE": "yes"}, opts{otlp.WithEndpoint("host:4318")},
			[]string{`OTEL_EXPORTER_OTLP_INSECURE is "yes"`, `one of ["true" "false"]`}},

		{"insecure and TLS options", nil, opts{otlp.WithInsecure(), otlp.WithTLSConfig(certs.client)}, []string{"WithInsecure", "WithTLSConfig"}},
		{"insecure and an https option", nil, opts{otlp.WithInsecure(), otlp.WithEndpointURL("https://host")},
			[]string{"WithInsecure", "WithEndpointURL"}},
		{"insecure and https of the environment", env{endpoint: "https://host"}, opts{otlp.WithInsecure()}, []string{"WithInsecure", endpoint}},
		{"TLS and an http option", nil, opts{otlp.WithTLSConfig(certs.client), otlp.WithEndpointURL("http://host")},
			[]string{"WithTLSConfig", "WithEndpointURL"}},
		{"TLS file and http", env{endpoint: "http://host", certificate: certs.caFile}, nil, []string{certificate, endpoint}},
		{"TLS file and insecure", env{certificate: certs.caFile, "OTEL_EXPORTER_OTLP_INSECURE": "true"},
			opts{otlp.WithEndpoint("host:4318")}, []string{certificate, "OTEL_EXPORTER_OTLP_INSECURE"}},

		{"header without a value", env{headers: "a=b," + secret}, nil, []string{headers, "entry 2 of 2", "name=value"}},
		{"header with a bad name", env{headers: "Authorization: " + secret + "=="}, nil, []string{headers, "entry 1 of 1", "name"}},
		{"header with a bad escape", env{headers: "a=%zz" + secret}, nil, []string{headers, "entry 1 of 1", "%-escape"}},
		{"header with a line break", env{headers: "a=b%0a" + secret}, nil, []string{headers, "entry 1 of 1", "value"}},
		{"header of the environment, overridden", env{headers: secret},
			opts{otlp.WithHeaders(map[string]string{"a": "b"})}, []string{headers, "entry 1 of 1"}},
		{"header option with a bad name", nil, opts{otlp.WithHeaders(map[string]string{"Authorization: " + secret: ""})},
			[]string{"WithHeaders", "name"}},
		{"header option with a bad value", nil, opts{otlp.WithHeaders(map[string]string{"a": secret + "\n"})},
			[]string{"WithHeaders", `"a"`, "value"}},
		{"header option that gRPC does not take", nil,
			opts{otlp.WithProtocol(otlp.ProtocolGRPC), otlp.WithHeaders(map[string]string{"a": secret + "é"})},
			[]string{"WithHeaders", `"a"`, "value"}},

		{"compression of the environment", env{"OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"}, nil,
			[]string{`OTEL_EXPORTER_OTLP_COMPRESSION is "zstd"`, `one of ["gzip" "none"]`}},
		{"compression option", nil, opts{otlp.WithCompression("zstd")}, []string{`WithCompression is "zstd"`, `one of ["gzip" "none"]`}},
		{"temporality", env{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "sometimes"}, nil,
			[]string{"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative", "delta", "lowmemory"}},
		{"histogram aggregation", env{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "linear"}, nil,
			[]string{"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"}},

		{"many errors", env{"OTEL_METRIC_EXPORT_INTERVAL": "x", headers: "x"}, opts{otlp.WithTimeout(0), otlp.WithEndpoint("x")},
			[]string{"OTEL_METRIC_EXPORT_INTERVAL", headers, "WithTimeout", "WithEndpoint"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, tc.env)
			reader, err := otlp.NewReader(context.Background(), tc.opts...)
			if err == nil || reader != nil {
				t.Fatalf("got reader %v, error %v: want an error only", reader, err)
			}
			text := err.Error()
			for _, part := range append(tc.want, "otlp: ") {
				if !strings.Contains(text, part) {
					t.Errorf("error %q does not say %q", text, part)
				}
			}
			if strings.Contains(text, secret) {
				t.Errorf("error %q shows the secret", text)
			}
		})
	}
}

func TestNilInputIsDefault(t *testing.T) {
	t.Parallel()
	var ctx context.Context
	reader, err := otlp.NewReader(ctx, nil, otlp.WithTLSConfig(nil), otlp.WithHeaders(nil), otlp.WithProducer(nil),
		otlp.WithTemporalitySelector(nil), otlp.WithAggregationSelector(nil))
	noError(t, err)
	noError(t, reader.Shutdown(context.Background()))
}
