package prometheus_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/proc"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// waitLimit is how long a condition may take that needs several scrapes and evaluations.
const waitLimit = 3 * time.Minute

// server is a running Prometheus.
type server struct{ url string }

// startPrometheus runs the real Prometheus until the test ends. It uses the files that users load, with an interval
// of one second and other targets.
func startPrometheus(t *testing.T, targets map[string]string) *server {
	t.Helper()
	dir := t.TempDir()
	for _, path := range append([]string{configFile}, ruleFiles...) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		content := string(text)
		if path == configFile {
			for old, with := range targets {
				if !strings.Contains(content, strconv.Quote(old)) {
					t.Fatalf("%s has no target %s", path, old)
				}
				content = strings.ReplaceAll(content, strconv.Quote(old), strconv.Quote(with))
			}
			content = regexp.MustCompile(`(scrape|evaluation)_interval: 15s`).ReplaceAllString(content, "${1}_interval: 1s")
		}
		write(t, filepath.Join(dir, filepath.Base(path)), content)
	}
	cmd := exec.Command(program(t, programs.Prometheus), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:0",
		"--web.enable-otlp-receiver", "--enable-feature=exemplar-storage")
	s := &server{url: "http://" + listening(t, cmd)}
	testutil.Within(t, waitLimit, "Prometheus is ready", func() bool {
		response, err := http.Get(s.url + "/-/ready")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	return s
}

// listening starts the program and returns the address that it listens on. The program ends with the test.
func listening(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	proc.EndWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	started, address, ended := make(chan error), make(chan string, 1), make(chan []string, 1)
	go func() {
		runtime.LockOSThread() // the program dies with this thread
		err := cmd.Start()
		started <- err
		if err == nil {
			output := listen(stderr, address)
			_ = cmd.Wait() // a signal ends it
			ended <- output
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		var output []string
		select {
		case output = <-ended:
		case <-time.After(time.Minute):
			t.Error("Prometheus does not end")
			_ = cmd.Process.Kill()
			output = <-ended
		}
		if t.Failed() {
			t.Log(strings.Join(output, "\n"))
		}
	})
	select {
	case a := <-address:
		return a
	case <-time.After(3 * time.Minute):
		t.Fatal("Prometheus does not listen")
		return ""
	}
}

// listen reads the program's output to its end, and sends the address that it listens on.
func listen(stderr io.Reader, address chan<- string) (output []string) {
	pattern := regexp.MustCompile(`msg="Listening on".* address=(\S+)`)
	for scanner := bufio.NewScanner(stderr); scanner.Scan(); {
		output = append(output, scanner.Text())
		if match := pattern.FindStringSubmatch(scanner.Text()); match != nil {
			address <- match[1]
		}
	}
	return output
}

// get reads from Prometheus' API.
func (s *server) get(t *testing.T, path string, into any) {
	t.Helper()
	response, err := http.Get(s.url + "/api/v1/" + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer := struct{ Data any }{into}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", path, response.Status, err)
	}
}

// query returns the series of a vector.
func (s *server) query(t *testing.T, expression string) []sample {
	t.Helper()
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  [2]any
		}
	}
	s.get(t, "query?query="+url.QueryEscape(expression), &data)
	var samples []sample
	for _, r := range data.Result {
		value, err := strconv.ParseFloat(r.Value[1].(string), 64)
		if err != nil {
			t.Fatal(err)
		}
		samples = append(samples, sample{r.Metric, value})
	}
	return samples
}

// firing returns the names of the alerts that fire for a job.
func (s *server) firing(t *testing.T, job string) []string {
	t.Helper()
	var data struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	s.get(t, "alerts", &data)
	var names []string
	for _, a := range data.Alerts {
		if a.State == "firing" && a.Labels["job"] == job {
			names = append(names, a.Labels["alertname"])
		}
	}
	slices.Sort(names)
	return names
}
