package main

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestColumnsAreAligned(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printSample(&out, 599*interval, interval, "quiet", sample{used: 1, size: 5, overflowMax: 10})
	full := sample{used: 15, size: 5, overflowMax: 10, overflow: 10, peak: 15, pending: 25, oldestHold: 6, busy: 2, holds: display.Histogram{Count: 1, Sum: 1.9}}
	printSample(&out, 3600*interval, interval, "nested", full)
	lines := strings.Split(out.String(), "\n")
	if len([]rune(lines[0])) != len([]rune(lines[1])) || !strings.Contains(lines[1], "  100 %   6.0 s  -") {
		t.Errorf("\n%s", &out)
	}
}

func TestTroubleIsAnnouncedInOneLine(t *testing.T) {
	t.Parallel()
	for i := range troubles {
		var out strings.Builder
		printTrouble(&out, &troubles[i])
		if text := out.String(); len(text) > 120 || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "         "+troubles[i].name+": ") {
			t.Errorf("%d columns: %s", len(text), text)
		}
	}
}

func TestLogLinesAreShort(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	newLogger(&out).Warn("held", "age", 3512345678*time.Nanosecond, "pool", "demo",
		"stack", "main.(*service).leak (/home/me/demo/troubles.go:12) < main.serve (/home/me/demo/service.go:3)",
		"waiting_stack", "main.wait (C:/demo/troubles.go:13)")
	want := `level=WARN msg=held age=3.51s pool=demo stack="main.(*service).leak (troubles.go:12)" waiting_stack="main.wait (troubles.go:13)"` + "\n"
	testutil.Equal(t, "printed", out.String(), want)
}

func TestBaseURLUsesLoopback(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ip       string
		want     string
		loopback bool
	}{
		{"127.0.0.1", "http://127.0.0.1:80", true},
		{"::1", "http://[::1]:80", true},
		{"0.0.0.0", "http://127.0.0.1:80", false},
		{"::", "http://127.0.0.1:80", false},
		{"192.0.2.1", "http://192.0.2.1:80", false},
	} {
		addr := &net.TCPAddr{IP: net.ParseIP(tt.ip), Port: 80}
		if got := baseURL(addr); got != tt.want || isLoopback(addr) != tt.loopback {
			t.Errorf("%s: %s, loopback %v", tt.ip, got, isLoopback(addr))
		}
	}
}

func TestRepeatedErrorIsPrintedOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &errorPrinter{out: &out}
	for _, text := range []string{"a", "a", "b", "a"} {
		p.Handle(errors.New(text))
	}
	testutil.Equal(t, "printed", out.String(), "demo: a\ndemo: b\ndemo: a\n")
}
