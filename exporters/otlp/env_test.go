package otlp_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// Tests that set variables cannot be parallel.

func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func TestEnvSetsProtocolAndEndpoint(t *testing.T) {
	for _, tc := range []struct {
		name     string
		receiver otlptest.Protocol
		path     string // where the receiver listens, with HTTP
		env      map[string]string
	}{
		{"HTTP by default", otlptest.HTTP, "/v1/metrics", map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://ADDR",
		}},
		{"HTTP with a path before the one of metrics", otlptest.HTTP, "/tenant/v1/metrics", map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://ADDR/tenant/",
		}},
		{"HTTP with the endpoint of metrics as it is", otlptest.HTTP, "/in", map[string]string{
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://ADDR/in",
			"OTEL_EXPORTER_OTLP_ENDPOINT":         "http://127.0.0.1:1",
		}},
		{"HTTP with the endpoint of metrics without a path", otlptest.HTTP, "/", map[string]string{
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://ADDR",
		}},
		{"scheme before insecure", otlptest.HTTP, "/v1/metrics", map[string]string{
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://ADDR",
			"OTEL_EXPORTER_OTLP_INSECURE": "false",
		}},
		{"gRPC", otlptest.GRPC, "", map[string]string{
			"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
			"OTEL_EXPORTER_OTLP_ENDPOINT": "http://ADDR/",
		}},
		{"gRPC for metrics only", otlptest.GRPC, "", map[string]string{
			"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": " GRPC ",
			"OTEL_EXPORTER_OTLP_PROTOCOL":         "http/json",
			"OTEL_EXPORTER_OTLP_ENDPOINT":         "http://ADDR",
		}},
		{"gRPC with host and port", otlptest.GRPC, "", map[string]string{
			"OTEL_EXPORTER_OTLP_PROTOCOL":         "grpc",
			"OTEL_EXPORTER_OTLP_ENDPOINT":         "ADDR",
			"OTEL_EXPORTER_OTLP_INSECURE":         "false",
			"OTEL_EXPORTER_OTLP_METRICS_INSECURE": "True",
		}},
		{"gRPC with a DNS target", otlptest.GRPC, "", map[string]string{
			"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
			"OTEL_EXPORTER_OTLP_ENDPOINT": "dns:///ADDR",
			"OTEL_EXPORTER_OTLP_INSECURE": "true",
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			receiver := otlptest.New(t, tc.receiver, otlptest.WithPath(tc.path))
			for name, value := range tc.env {
				t.Setenv(name, strings.ReplaceAll(value, "ADDR", receiver.Addr()))
			}
			wantPushed(t, receiver)
		})
	}
}

func TestOptionsOverrideEnv(t *testing.T) {
	for _, p := range bothProtocols {
		for name, endpoint := range map[string]func(*otlptest.Receiver) []otlp.Option{
			"URL": func(r *otlptest.Receiver) []otlp.Option {
				return []otlp.Option{otlp.WithEndpoint("127.0.0.1:1"), otlp.WithEndpointURL(r.Endpoint())}
			},
			"host and port": func(r *otlptest.Receiver) []otlp.Option {
				return []otlp.Option{otlp.WithInsecure(), otlp.WithEndpointURL("https://127.0.0.1:1"), otlp.WithEndpoint(r.Addr())}
			},
		} {
			t.Run(fmt.Sprint(p.reader, " by ", name), func(t *testing.T) {
				// None of these is used, so none is checked.
				setenv(t, map[string]string{
					"OTEL_EXPORTER_OTLP_PROTOCOL":                              "http/json",
					"OTEL_EXPORTER_OTLP_ENDPOINT":                              "ftp://elsewhere",
					"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT":                      "https://elsewhere?x=y",
					"OTEL_EXPORTER_OTLP_CERTIFICATE":                           "/no/such/file",
					"OTEL_EXPORTER_OTLP_COMPRESSION":                           "zip",
					"OTEL_EXPORTER_OTLP_TIMEOUT":                               "soon",
					"OTEL_METRIC_EXPORT_INTERVAL":                              "-1",
					"OTEL_METRIC_EXPORT_TIMEOUT":                               "0",
					"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        "x",
					"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "x",
				})
				receiver := otlptest.New(t, p.receiver)
				wantPushed(t, receiver, append(endpoint(receiver),
					otlp.WithProtocol(p.reader), otlp.WithCompression(otlp.CompressionNone),
					otlp.WithTimeout(testTimeout), otlp.WithExportTimeout(testTimeout),
					otlp.WithTemporalitySelector(sdkmetric.CumulativeTemporalitySelector),
					otlp.WithAggregationSelector(sdkmetric.DefaultAggregationSelector))...)
			})
		}
	}
}

func TestHeadersAreSent(t *testing.T) {
	for _, p := range bothProtocols {
		for _, tc := range []struct {
			name string
			env  map[string]string
			opts []otlp.Option
			want map[string]string
		}{
			{"of the environment",
				map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc%3D, x-tenant = shop "}, nil,
				map[string]string{"Authorization": "Bearer abc=", "X-Tenant": "shop"}},
			{"of the environment for metrics",
				map[string]string{
					"OTEL_EXPORTER_OTLP_HEADERS":         "x-a=1,x-b=2",
					"OTEL_EXPORTER_OTLP_METRICS_HEADERS": "x-b=3",
				}, nil,
				map[string]string{"X-A": "", "X-B": "3"}},
			{"of the options",
				map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "x-a=1"},
				[]otlp.Option{
					otlp.WithHeaders(map[string]string{"X-B": "2", "x-c": "3"}),
					otlp.WithHeaders(map[string]string{"x-c": "4"}),
				},
				map[string]string{"X-A": "", "X-B": "2", "X-C": "4"}},
			{"of the environment, none by option",
				map[string]string{"OTEL_EXPORTER_OTLP_HEADERS": "x-a=1"}, []otlp.Option{otlp.WithHeaders(nil)},
				map[string]string{"X-A": ""}},
		} {
			t.Run(fmt.Sprint(p.reader, " ", tc.name), func(t *testing.T) {
				setenv(t, tc.env)
				receiver := otlptest.New(t, p.receiver)
				opts := []otlp.Option{otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint())}
				wantPushed(t, receiver, append(opts, tc.opts...)...)
				got := map[string]string{}
				for name := range tc.want {
					got[name] = receiver.Requests()[0].Header.Get(name)
				}
				if !maps.Equal(got, tc.want) {
					t.Errorf("received headers %v: want %v", got, tc.want)
				}
			})
		}
	}
}

func TestCompressionIsUsed(t *testing.T) {
	for _, p := range bothProtocols {
		for _, tc := range []struct {
			name, env string
			opts      []otlp.Option
			want      string
		}{
			{"none by default", "", nil, ""},
			{"gzip of the environment", "GZIP", nil, "gzip"},
			{"none of the environment", "none", nil, ""},
			{"gzip by option", "none", []otlp.Option{otlp.WithCompression(otlp.CompressionGzip)}, "gzip"},
			{"none by option", "gzip", []otlp.Option{otlp.WithCompression(otlp.CompressionNone)}, ""},
		} {
			t.Run(fmt.Sprint(p.reader, " ", tc.name), func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_COMPRESSION", tc.env)
				receiver := otlptest.New(t, p.receiver)
				opts := []otlp.Option{otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint())}
				wantPushed(t, receiver, append(opts, tc.opts...)...)
				if got := receiver.Requests()[0].Encoding; got != tc.want {
					t.Errorf("received encoding %q: want %q", got, tc.want)
				}
			})
		}
	}
}
