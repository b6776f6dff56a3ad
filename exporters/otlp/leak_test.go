package otlp_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// This test is not parallel, because it inspects all goroutines of the process.
func TestShutdownLeavesNoGoroutine(t *testing.T) {
	for _, p := range bothProtocols {
		for _, tc := range []struct {
			name     string
			endpoint func(t *testing.T) string
		}{
			{"receiver that is up", func(t *testing.T) string { return otlptest.New(t, p.receiver).Endpoint() }},
			{"receiver that is down", func(t *testing.T) string { return "http://" + unusedAddr(t) }},
			{"receiver that hangs", func(t *testing.T) string {
				endpoint, _ := hangingReceiver(t)
				return endpoint
			}},
		} {
			t.Run(string(p.reader)+" with a "+tc.name, func(t *testing.T) {
				endpoint := tc.endpoint(t) // stays open, so that only the client can end its connections
				reader, err := otlp.NewReader(context.Background(), otlp.WithProtocol(p.reader), otlp.WithEndpointURL(endpoint))
				noError(t, err)
				if len(clientGoroutines()) == 0 {
					t.Fatal("the reader's goroutine is not found, so a leak would not be found")
				}
				provider := newProviderOf(t, reader)
				add(t, provider, 1)
				ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
				defer cancel()
				_ = provider.ForceFlush(ctx)
				_ = provider.Shutdown(ctx)

				deadline := testContext(t)
				for left := clientGoroutines(); len(left) > 0; left = clientGoroutines() {
					if deadline.Err() != nil {
						t.Fatalf("%d goroutines are left:\n%s", len(left), strings.Join(left, "\n\n"))
					}
					runtime.Gosched()
				}
			})
		}
	}
}

// clientGoroutines returns the stacks of the goroutines of readers and their connections.
func clientGoroutines() []string {
	buffer := make([]byte, 1<<22)
	buffer = buffer[:runtime.Stack(buffer, true)]
	var found []string
	for stack := range strings.SplitSeq(string(buffer), "\n\n") {
		for _, of := range []string{
			"exporters/otlp.(*Reader)", "sdk/metric.NewPeriodicReader", "otlpmetricgrpc.", "otlpmetrichttp.",
			"net/http.(*persistConn)", "net/http.(*Transport)", "net/http.(*http2ClientConn)", "net/http/internal/http2.(*ClientConn)",
			"grpc.(*ClientConn)", "grpc.(*addrConn)", "grpc.(*ccBalancerWrapper)", "transport.(*http2Client)",
			"transport.NewHTTP2Client", "grpcsync.(*CallbackSerializer)", "internal/resolver/dns.(*dnsResolver)",
		} {
			if strings.Contains(stack, of) {
				found = append(found, stack)
				break
			}
		}
	}
	return found
}
