package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// Interval is the time between two scrapes.
const Interval = time.Second

// Target is a service to scrape, and its labels in Prometheus.
type Target struct {
	Job, Instance string
	Address       string // host:port
}

// Prometheus is a running Prometheus server.
type Prometheus struct {
	URL  string
	stop func()
}

var listening = regexp.MustCompile(`msg="Listening on" .*address=(127\.0\.0\.1:\d+)`)

// StartPrometheus builds Prometheus and runs it with its data in dir. The rules may be empty.
func StartPrometheus(ctx context.Context, dir, rules string, targets ...Target) (*Prometheus, error) {
	path, err := programs.Prometheus.Build(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "prometheus.yml")
	err = errors.Join(
		os.WriteFile(config, []byte(configuration(targets)), 0o600),
		os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rules), 0o600),
	)
	if err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	server, address, err := start(ctx, exec.Command(path,
		"--config.file="+config,
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:0",
		"--enable-feature=exemplar-storage",
	), listening)
	if err != nil {
		return nil, err
	}
	return &Prometheus{URL: "http://" + address, stop: server.stop}, nil
}

// Stop ends the server.
func (p *Prometheus) Stop() { p.stop() }

func configuration(targets []Target) string {
	var b strings.Builder
	fmt.Fprintf(&b, "global:\n  scrape_interval: %[1]s\n  scrape_timeout: %[1]s\n  evaluation_interval: %[1]s\n", Interval)
	b.WriteString("rule_files: [rules.yml]\nscrape_configs:\n")
	jobs := map[string][]Target{}
	var order []string
	for _, t := range targets {
		if len(jobs[t.Job]) == 0 {
			order = append(order, t.Job)
		}
		jobs[t.Job] = append(jobs[t.Job], t)
	}
	for _, job := range order {
		fmt.Fprintf(&b, "  - job_name: %q\n    scrape_native_histograms: true\n    static_configs:\n", job)
		for _, t := range jobs[job] {
			fmt.Fprintf(&b, "      - targets: [%q]\n        labels: {instance: %q}\n", t.Address, t.Instance)
		}
	}
	return b.String()
}

// Series is a series in the answer to a query: labels, and the values that are numbers.
type Series struct {
	Labels map[string]string
	Values []float64
}

// Query evaluates an expression at a time.
func (p *Prometheus) Query(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	return p.ask(ctx, "query", url.Values{"query": {expr}, "time": {timestamp(at)}})
}

// QueryRange evaluates an expression every second of a time range.
func (p *Prometheus) QueryRange(ctx context.Context, expr string, from, to time.Time) ([]Series, error) {
	return p.ask(ctx, "query_range", url.Values{
		"query": {expr}, "start": {timestamp(from)}, "end": {timestamp(to)}, "step": {"1"},
	})
}

// Traces returns the traces of the exemplars, in a time range, of the series that an expression reads.
func (p *Prometheus) Traces(ctx context.Context, expr string, from, to time.Time) ([]string, error) {
	var found []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	err := p.get(ctx, "query_exemplars", url.Values{"query": {expr}, "start": {timestamp(from)}, "end": {timestamp(to)}}, &found)
	var traces []string
	for _, series := range found {
		for _, e := range series.Exemplars {
			traces = append(traces, e.Labels["trace_id"])
		}
	}
	return traces, err
}

func timestamp(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// ask runs a query. It leaves out series without any number, which a panel would not show either.
func (p *Prometheus) ask(ctx context.Context, path string, query url.Values) ([]Series, error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  sample
			Values []sample
		}
	}
	if err := p.get(ctx, path, query, &data); err != nil {
		return nil, err
	}
	var found []Series
	for _, r := range data.Result {
		series := Series{Labels: r.Metric}
		if r.Values == nil {
			r.Values = []sample{r.Value}
		}
		for _, s := range r.Values {
			if v := float64(s); !math.IsNaN(v) && !math.IsInf(v, 0) {
				series.Values = append(series.Values, v)
			}
		}
		if len(series.Values) > 0 {
			found = append(found, series)
		}
	}
	return found, nil
}

// get reads the data of an answer of Prometheus' API.
func (p *Prometheus) get(ctx context.Context, path string, query url.Values, data any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+"/api/v1/"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return fmt.Errorf("live: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("live: %w", err)
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("live: %s: %w", query.Get("query"), err)
	}
	if answer.Status != "success" {
		return fmt.Errorf("live: %s: %s", query.Get("query"), answer.Error)
	}
	return nil
}

// sample is a value in Prometheus' format: a time, and the number as text.
type sample float64

// UnmarshalJSON implements json.Unmarshaler.
func (s *sample) UnmarshalJSON(text []byte) error {
	var pair [2]any
	if err := json.Unmarshal(text, &pair); err != nil {
		return err
	}
	value, _ := pair[1].(string)
	number, err := strconv.ParseFloat(value, 64)
	*s = sample(number)
	return err
}
