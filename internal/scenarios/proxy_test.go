package scenarios

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"
)

// proxy is the network between the pool and the server. It is safe for concurrent use.
type proxy struct {
	upstream string
	addr     string

	latency   atomic.Int64                    // nanoseconds, each way
	dialDelay atomic.Int64                    // nanoseconds, of new connections only
	answer    atomic.Pointer[[]byte]          // the answer to new connections, instead of the server's
	identity  atomic.Pointer[tls.Certificate] // of the proxy, which terminates TLS; nil without TLS

	mu       sync.Mutex
	listener net.Listener
	isAway   bool
	flows    map[*flow]struct{}
	running  sync.WaitGroup
}

// flow is a connection through the proxy.
type flow struct {
	client, server net.Conn
	lost           atomic.Bool // packets no longer arrive
}

func newProxy(upstream string) (*proxy, error) {
	p := &proxy{upstream: upstream, addr: "127.0.0.1:0", flows: make(map[*flow]struct{})}
	return p, p.listen()
}

// listen accepts connections, always at the same address.
func (p *proxy) listen() error {
	l, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.addr, p.isAway = l, l.Addr().String(), false
	p.running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() { p.serve(client) })
		}
	})
	return nil
}

// away refuses new connections and ends those that exist.
func (p *proxy) away() {
	p.mu.Lock()
	_ = p.listener.Close()
	p.isAway = true
	p.mu.Unlock()
	p.drop()
}

func (p *proxy) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := range p.flows {
		f.close()
	}
}

// lose drops all further packets of existing connections, like a firewall that forgot them.
func (p *proxy) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for f := range p.flows {
		f.lost.Store(true)
	}
}

func (p *proxy) stop() {
	p.away()
	p.running.Wait()
}

func (f *flow) close() {
	_ = f.client.Close()
	_ = f.server.Close()
}

// serve connects a client to the server.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	time.Sleep(time.Duration(p.dialDelay.Load()))
	if answer := p.answer.Load(); answer != nil {
		if _, err := readStartup(client); err == nil {
			_, _ = client.Write(*answer)
		}
		return
	}
	if identity := p.identity.Load(); identity != nil {
		secure, err := acceptTLS(client, identity)
		if err != nil {
			return
		}
		client = secure
	}
	server, err := net.Dial("tcp", p.upstream)
	if err != nil {
		return
	}
	f := &flow{client: client, server: server}
	p.mu.Lock()
	if p.isAway { // since it was accepted
		f.close()
	}
	p.flows[f] = struct{}{}
	p.mu.Unlock()
	var ways sync.WaitGroup
	ways.Go(func() { p.forward(f, server, client) })
	ways.Go(func() { p.forward(f, client, server) })
	ways.Wait()
	p.mu.Lock()
	delete(p.flows, f)
	p.mu.Unlock()
}

// forward copies data after the latency, which does not limit how much is on its way.
func (p *proxy) forward(f *flow, to io.Writer, from io.Reader) {
	type packet struct {
		data []byte
		due  time.Time
	}
	packets := make(chan packet, 256)
	var writer sync.WaitGroup
	writer.Go(func() {
		for packet := range packets {
			time.Sleep(time.Until(packet.due))
			if f.lost.Load() {
				continue
			}
			if _, err := to.Write(packet.data); err != nil {
				f.close()
			}
		}
	})
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			packets <- packet{append([]byte(nil), buf[:n]...), time.Now().Add(time.Duration(p.latency.Load()))}
		}
		if err != nil {
			break
		}
	}
	close(packets)
	writer.Wait()
	f.close()
}

// readStartup reads a startup message, which begins with its length.
func readStartup(conn net.Conn) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	message := make([]byte, min(binary.BigEndian.Uint32(length[:]), 1<<16)-4)
	_, err := io.ReadFull(conn, message)
	return message, err
}

// acceptTLS answers the client's request for TLS.
func acceptTLS(client net.Conn, identity *tls.Certificate) (net.Conn, error) {
	if _, err := readStartup(client); err != nil {
		return nil, err
	}
	if _, err := client.Write([]byte("S")); err != nil {
		return nil, err
	}
	secure := tls.Server(client, &tls.Config{Certificates: []tls.Certificate{*identity}})
	return secure, secure.Handshake()
}

func (p *proxy) refuse(code, message string) error {
	answer, err := (&pgproto3.ErrorResponse{Severity: "FATAL", SeverityUnlocalized: "FATAL", Code: code, Message: message}).Encode(nil)
	if err == nil {
		p.answer.Store(&answer)
	}
	return err
}
