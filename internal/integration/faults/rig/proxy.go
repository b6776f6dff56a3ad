package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy stands between a client and a server, and does harm to what they say.
type Proxy struct {
	proxy *toxiproxy.Proxy
	toxic string
}

// NewProxy starts a proxy before an address, and ends it with the test.
func NewProxy(t testing.TB, upstream string) *Proxy {
	t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &Proxy{proxy: toxiproxy.NewProxy(server, "proxy", "127.0.0.1:0", upstream)}
	if err := p.proxy.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.proxy.Stop)
	return p
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.proxy.Listen }

// Harm does one kind of harm to what the server answers: latency, timeout (which swallows it) or reset_peer, for
// instance, with the attributes of that kind.
func (p *Proxy) Harm(t testing.TB, kind string, attributes map[string]any) {
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

// Heal ends the harm.
func (p *Proxy) Heal(t testing.TB) {
	t.Helper()
	if err := p.proxy.Toxics.RemoveToxic(context.Background(), p.toxic); err != nil {
		t.Fatal(fmt.Errorf("rig: remove %s: %w", p.toxic, err))
	}
}

// Refuse closes all connections, and refuses new ones until Accept.
func (p *Proxy) Refuse() { p.proxy.Stop() }

// Accept ends Refuse, at the same address.
func (p *Proxy) Accept(t testing.TB) {
	t.Helper()
	if err := p.proxy.Start(); err != nil {
		t.Fatal(err)
	}
}
