package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// Proxy is a proxy between a client and a server that injects faults.
type Proxy struct {
	proxy *toxiproxy.Proxy
	toxic string
}

// NewProxy starts a proxy in front of an address, and stops it after the test.
func NewProxy(t testing.TB, upstream string) *Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{proxy: toxiproxy.NewProxy(server, "proxy", "127.0.0.1:0", upstream)}
	testutil.NoError(t, p.proxy.Start())
	t.Cleanup(p.proxy.Stop)
	return p
}

// Addr returns the address that the proxy listens on.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Inject injects one kind of fault into the server's answers, such as latency, timeout (which drops them) or
// reset_peer. The attributes are those of toxiproxy's toxic of that kind.
func (p *Proxy) Inject(t testing.TB, kind string, attributes map[string]any) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": kind, "type": kind, "stream": "downstream", "attributes": attributes})
	if err == nil {
		_, err = p.proxy.Toxics.AddToxicJson(strings.NewReader(string(text)))
	}
	if err != nil {
		t.Fatal(fmt.Errorf("rig: add %s: %w", kind, err))
	}
	p.toxic = kind
}

// Remove removes the fault.
func (p *Proxy) Remove(t testing.TB) {
	t.Helper()
	if err := p.proxy.Toxics.RemoveToxic(context.Background(), p.toxic); err != nil {
		t.Fatal(fmt.Errorf("rig: remove %s: %w", p.toxic, err))
	}
}

// Refuse closes all connections, and refuses new ones.
func (p *Proxy) Refuse() { p.proxy.Stop() }
