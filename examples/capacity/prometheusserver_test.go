package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/examples/internal/program"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// waitLimit is how long a condition may take that needs several scrapes.
const waitLimit = 2 * time.Minute

// listening matches the log line with Prometheus' address.
var listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// startPrometheus runs a Prometheus server until the test ends, and returns its address.
func startPrometheus(t *testing.T, config string) string {
	t.Helper()
	binary, err := programs.Prometheus.Build(t.Context())
	testutil.NoError(t, err)
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	testutil.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	e := program.Start(t, waitLimit, binary, nil, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0")
	var address string
	e.Eventually("prometheus is ready", func() bool {
		if e.HasEnded() {
			t.Fatal("prometheus ended")
		}
		match := listening.FindStringSubmatch(e.Stderr.String())
		if match == nil {
			return false
		}
		address = "http://" + match[1]
		response, err := http.Get(address + "/-/ready")
		return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	return address
}

// awaitScrapes waits until Prometheus has scraped both jobs twice after now.
func awaitScrapes(t *testing.T, server string) {
	t.Helper()
	u, err := fetch.Address("-prometheus", server)
	testutil.NoError(t, err)
	begin := strconv.FormatFloat(float64(time.Now().UnixMilli())/1000, 'f', 3, 64)
	twice := query{sizeMetric, "(timestamp(" + sizeMetric + ") > " + begin + ") and (timestamp(" + sizeMetric + " offset 1s) > " + begin + ")", 1}
	testutil.Within(t, waitLimit, "both jobs are scraped twice", func() bool {
		scraped := totalsByPool{}
		testutil.NoError(t, newEnvironment().ask(t.Context(), u, twice, time.Now(), scraped))
		return len(scraped) == 2
	})
}
