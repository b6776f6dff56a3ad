package hostile

import (
	"bufio"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
)

// TestDemoListensOnLoopbackOnly checks the addresses that the demo and its server listen on. It also sends requests
// that never end or whose headers never end, which must not block the demo.
func TestDemoListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	demo := startDemo(t, t.TempDir(), "DATABASE_URL=")
	listening := stacktest.Listening(t, append(stacktest.Descendants(t, demo.PID()), demo.PID()))
	if len(listening) < 2 { // the demo's own and the server's
		t.Errorf("the demo listens on %v", listening)
	}
	for _, ip := range listening {
		if !ip.IsLoopback() {
			t.Errorf("something listens on %v", ip)
		}
	}
	recordFigure(t, "listening: %v", listening)
	for name, request := range map[string]string{
		"a request that never ends":  "GET /metrics HTTP/1.1\r\nHost: h\r\n",
		"headers of a megabyte":      "GET /metrics HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n",
		"a line that is no request":  strings.Repeat("\x00\xff", 1<<10) + "\r\n\r\n",
		"a body that does not come":  "POST /transfers HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n{",
		"a request without its line": "",
	} {
		conn, err := net.Dial("tcp", demo.Address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_, _ = conn.Write([]byte(request)) // the server may have closed it
		_ = conn.SetReadDeadline(time.Now().Add(waitLimit))
		answer, err := bufio.NewReader(conn).ReadString('\n')
		if os.IsTimeout(err) || strings.Contains(answer, "200") && !strings.Contains(name, "body") {
			t.Errorf("%s: %q, %v", name, answer, err)
		}
	}
	if page := get(t, "http://"+demo.Address+"/metrics"); !strings.Contains(page, "db_pool_size") {
		t.Errorf("the page is %.200s", page)
	}
}
