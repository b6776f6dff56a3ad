package hostile

import (
	"bufio"
	"encoding/hex"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestDemoListensOnLoopbackOnly checks the addresses that the demo and its server listen on. It also sends requests
// that never end or whose headers never end, which must not block the demo.
func TestDemoListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	s := newSurfaces()
	withDemo(t, s, build(t), "", func(addr string, pid int) {
		listening := listeners(t, append(descendants(t, pid), pid))
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
			conn, err := net.Dial("tcp", addr)
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
		if page := get(t, "http://"+addr+"/metrics"); !strings.Contains(page, "db_pool_size") {
			t.Errorf("the page is %.200s", page)
		}
	})
}

// descendants returns the processes that a process has started, and theirs in turn.
func descendants(t *testing.T, pid int) (all []int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	parents := map[int]int{}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		child, _ := strconv.Atoi(strings.Split(path, "/")[2])
		fields := strings.Fields(string(text[strings.LastIndex(string(text), ")")+1:]))
		parents[child], _ = strconv.Atoi(fields[1])
	}
	for child := range parents {
		for p := parents[child]; p > 1; p = parents[p] {
			if p == pid {
				all = append(all, child)
			}
		}
	}
	return all
}

// listeners returns the addresses that processes listen on by TCP.
func listeners(t *testing.T, pids []int) (ips []net.IP) {
	t.Helper()
	var sockets []string
	for _, pid := range pids {
		links, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
		for _, link := range links {
			target, _ := os.Readlink(link)
			if inode, is := strings.CutPrefix(target, "socket:["); is {
				sockets = append(sockets, strings.TrimSuffix(inode, "]"))
			}
		}
	}
	const listen = "0A"
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // the kernel lacks the protocol
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != listen || !slices.Contains(sockets, fields[9]) {
				continue
			}
			address, _, _ := strings.Cut(fields[1], ":")
			ip, err := hex.DecodeString(address)
			if err != nil {
				t.Fatal(err)
			}
			for word := 0; word < len(ip); word += 4 { // each group of four bytes is in the processor's order
				slices.Reverse(ip[word : word+4])
			}
			ips = append(ips, ip)
		}
	}
	return ips
}
