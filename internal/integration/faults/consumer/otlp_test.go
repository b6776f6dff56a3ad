package consumer_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// endpoint returns the address of a faulty OTLP endpoint.
type endpoint func(t *testing.T, p otlptest.Protocol) string

func proxied(harm func(*testing.T, *rig.Proxy)) endpoint {
	return func(t *testing.T, p otlptest.Protocol) string {
		receiver := otlptest.New(t, p)
		proxy := rig.NewProxy(t, receiver.Addr())
		addr := proxy.Addr()
		harm(t, proxy)
		return addr
	}
}

func refusing(t *testing.T, p otlptest.Protocol) string {
	receiver := otlptest.New(t, p, otlptest.WithRefusal(func(n int) error {
		if n%2 == 0 {
			return status.Error(codes.Unavailable, "not now")
		}
		return status.Error(codes.InvalidArgument, "not this")
	}))
	return receiver.Addr()
}

// garbage answers every connection with bytes of no protocol.
func garbage(t *testing.T, _ otlptest.Protocol) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testutil.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			_, _ = conn.Read(make([]byte, 1<<16))
			_, _ = conn.Write([]byte("\x00\xffgarbage\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		<-done
	})
	return listener.Addr().String()
}

// pushing returns a consumer that pushes over OTLP, far more often than usual. It times out early if it cannot send.
func pushing(addr string, p otlp.Protocol, loses bool) func(*testing.T) sdkmetric.Reader {
	timeout := rig.Wait
	if loses {
		timeout = 200 * time.Millisecond
	}
	return func(t *testing.T) sdkmetric.Reader {
		reader, err := otlp.NewReader(context.Background(), otlp.WithProtocol(p), otlp.WithEndpointURL("http://"+addr),
			otlp.WithInterval(20*time.Millisecond), otlp.WithTimeout(timeout))
		testutil.NoError(t, err)
		return reader
	}
}

var endpoints = []struct {
	name  string
	at    endpoint
	loses bool
}{
	{"works", proxied(func(*testing.T, *rig.Proxy) {}), false},
	{"refused", proxied(func(_ *testing.T, p *rig.Proxy) { p.Refuse() }), true},
	{"black-holed", proxied(func(t *testing.T, p *rig.Proxy) { p.Inject(t, "timeout", map[string]any{"timeout": 0}) }), true},
	{"slow", proxied(func(t *testing.T, p *rig.Proxy) { p.Inject(t, "latency", map[string]any{"latency": 1000}) }), true},
	{"reset", proxied(func(t *testing.T, p *rig.Proxy) { p.Inject(t, "reset_peer", map[string]any{"timeout": 0}) }), true},
	{"answers garbage", garbage, true},
	{"answers errors", refusing, true},
}
