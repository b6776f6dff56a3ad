package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// fakeEnvironment returns an environment whose clock advances only by waiting.
func fakeEnvironment() environment {
	w := newEnvironment()
	now := time.Unix(1700000000, 0)
	w.now = func() time.Time { return now }
	w.wait = func(ctx context.Context, d time.Duration) error {
		now = now.Add(d)
		return ctx.Err()
	}
	return w
}

type outcome struct {
	code           int
	stdout, stderr string
}

func runWith(t *testing.T, w environment, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	code := run(ctx, args, &stdout, &stderr, w)
	return outcome{code, stdout.String(), stderr.String()}
}

// report parses the output of -json.
func (o outcome) report(t *testing.T) report {
	t.Helper()
	var r report
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		t.Fatalf("%v in %q, exit code %d, %q", err, o.stdout, o.code, o.stderr)
	}
	return r
}

// server runs a server with the handler until the test ends, and returns its address.
func server(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

// pages runs a server that returns the bodies one after the other, and then the last one.
func pages(t *testing.T, bodies ...string) string {
	t.Helper()
	var n atomic.Int64
	return server(t, func(w http.ResponseWriter, _ *http.Request) {
		i := min(int(n.Add(1)), len(bodies))
		fmt.Fprint(w, bodies[i-1])
	})
}

func TestFlagsLeadToRecommendation(t *testing.T) {
	t.Parallel()
	o := runWith(t, fakeEnvironment(), "-rate", "100", "-hold", "50ms", "-size", "6", "-max-connections", "50", "-instances", "4")
	want := `pool, by the flags
  load        100 acquires/s × 50ms held = 5 connections in use on average
  now         size 6: 83 % used; in the model 58.8 % of the acquires wait, 29.4ms on average, 99 % wait at most 204ms
  verdict     too small: 5 more
  recommended size 11: 45 % used; in the model 1.51 % of the acquires wait, 126µs on average, 99 % wait at most 3.43ms
  server      fits: 4 × 11 of 50 - 3 reserved - 0 others leave 3
    - in the model of independent callers, 11 is the smallest size with which 99 % of the acquires wait no longer than 5ms
    - the rule of thumb, average use plus 20 %, is 6; it ignores waiting
    - the CV of the hold times is unknown and assumed to be 1 (exponential)
`
	if o != (outcome{0, want, ""}) {
		t.Errorf("got %+v, want %s", o, want)
	}
}

func TestFullServerIsReported(t *testing.T) {
	t.Parallel()
	for maxConnections, want := range map[string]string{"40": "; 9 per instance fit", "6": "not even one", "2": "not even one"} {
		o := runWith(t, fakeEnvironment(), "-rate", "100", "-hold", "50ms", "-instances", "4", "-max-connections", maxConnections)
		if o.code != 0 || !strings.Contains(o.stdout, "does not fit: 4 × 11") || !strings.Contains(o.stdout, want) {
			t.Errorf("%s: %+v, want %q", maxConnections, o, want)
		}
	}
}

func TestInvalidFlagsAreAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"":                                    "want one of -rate",
		"-rate 1 -metrics http://h":           "want one of -rate",
		"-metrics http://h -size 3":           "-size is valid only with -rate, not with -metrics",
		"-rate 1 -hold 1s -pool p":            "-pool is valid only with -metrics and -prometheus, not with -rate",
		"-rate 1":                             "-rate needs -hold",
		"-rate 1 -hold 0s":                    "-hold 0s is not above 0",
		"-rate NaN -hold 1s":                  "-rate NaN is not a finite",
		"-rate -1 -hold 1s":                   "-rate -1 is not a finite",
		"-rate 1 -hold 1s -cv -1":             "-cv -1 is not",
		"-rate 1 -hold 1s -size -1":           "-size",
		"-rate 1 -hold 1s -overflow 1":        "-overflow needs a -size",
		"-rate 1 -hold 1s -size 999999":       "-size 999999 ",
		"-rate 1 -hold 1s -wait -1s":          "-wait -1s is",
		"-metrics http://h -quantile 1":       "-quantile 1 is",
		"-rate 1 -hold 1s -instances 0":       "-instances 0 is",
		"-rate 1 -hold 1s -reserved -1":       "-reserved -1 is",
		"-rate 1 -hold 1s -others -1":         "-others -1 is",
		"-rate 1 -hold 1s -max-connections 0": "-max-connections 0 is",
		"-metrics http://h -interval 0s":      "-interval",
		"-prometheus http://h -window 1ms":    "-window",
		"-metrics nonsense":                   "-metrics is not an address",
		"-metrics http://u:hunter2@h:port/":   "-metrics is not an address",
		"-prometheus ftp://u:hunter2@h/":      "-prometheus is not an address",
		"-interval http://u:hunter2@h/":       "unexpected address",
		"http://u:hunter2@h/":                 "unexpected address",
		"now":                                 `unknown argument "now" (-h lists the flags)`,
		"-rate 1 -hold 5":                     `invalid value "5" for flag -hold: want a time such as 500ms or 10s (-h lists the flags)`,
		"-colour":                             "not defined: -colour",
	}
	for args, want := range tests {
		o := runWith(t, fakeEnvironment(), strings.Fields(args)...)
		if o.code != 2 || o.stdout != "" || !strings.Contains(o.stderr, want) || strings.Contains(o.stderr, "hunter2") {
			t.Errorf("%s: %+v, want %q", args, o, want)
		}
	}
	if o := runWith(t, fakeEnvironment(), "-h"); o != (outcome{0, usage, ""}) {
		t.Errorf("-h: %+v", o)
	}
}

func TestImpossibleLoadGetsNoAdvice(t *testing.T) {
	t.Parallel()
	o := runWith(t, fakeEnvironment(), "-rate", "1e9", "-hold", "1s")
	if o.code != 1 || !strings.Contains(o.stdout, "overloaded") {
		t.Errorf("got %+v", o)
	}
}

func TestUnexpectedResponseIsAnError(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("# comment\n", maxAnswer/10+1)
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"not found":  {http.NotFound, "status 404"},
		"redirect":   {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", http.StatusFound) }, "status 302"},
		"a web page": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>\x1b[31m{\n") }, "not "},
		"too long":   {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, long) }, "longer than 32 MiB"},
		"no pool":    {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "up 1\n") }, "no pool"},
		"hanging up": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
	}
	for name, test := range tests {
		for _, source := range []string{"-metrics", "-prometheus"} {
			if source == "-prometheus" && name == "no pool" {
				continue
			}
			t.Run(name+source, func(t *testing.T) {
				t.Parallel()
				url := strings.Replace(server(t, test.handler), "//", "//user:hunter2@", 1) + "/?token=hunter2"
				o := runWith(t, fakeEnvironment(), source, url)
				if o.code != 1 || o.stdout != "" || !strings.Contains(o.stderr, test.want) || strings.Contains(o.stderr, "hunter2") ||
					strings.Contains(o.stderr, "\x1b") {
					t.Errorf("got %+v, want %q", o, test.want)
				}
			})
		}
	}
}
