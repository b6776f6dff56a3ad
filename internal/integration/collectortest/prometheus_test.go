package collectortest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// store is a Prometheus that scrapes nothing and accepts remote writes.
type store struct {
	*process
	url string
}

// startStore starts a store and waits until it accepts samples.
func startStore(t *testing.T) *store {
	t.Helper()
	config := written(t, "prometheus.yml", []byte("global: {}\n"))
	for {
		address := freeAddress(t)
		s := &store{url: "http://" + address}
		s.process = start(t, executable(t, programs.Prometheus), nil,
			"--config.file="+config, "--storage.tsdb.path="+filepath.Join(t.TempDir(), "data"),
			"--web.listen-address="+address, "--web.enable-remote-write-receiver")
		if s.ready(t, "Server is ready to receive web requests.") {
			return s
		}
	}
}

// writeURL returns the URL of remote writes.
func (s *store) writeURL() string { return s.url + "/api/v1/write" }

// query returns the series that an expression selects, by their names and labels as on a page. The labels in drop
// must be on every series and are left out.
func (s *store) query(t *testing.T, expr string, drop map[string]string) map[string]float64 {
	t.Helper()
	response, err := http.Get(s.url + "/api/v1/query?" + url.Values{"query": {expr}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.Error != "" {
		t.Fatalf("%s: %v, %s", expr, err, answer.Error)
	}
	series := map[string]float64{}
	for _, result := range answer.Data.Result {
		name := result.Metric["__name__"]
		delete(result.Metric, "__name__")
		for key, want := range drop {
			if got := result.Metric[key]; got != want {
				t.Errorf("%s%v: label %s is %q, want %q", name, result.Metric, key, got, want)
			}
			delete(result.Metric, key)
		}
		if bound, err := strconv.ParseFloat(result.Metric["le"], 64); err == nil {
			result.Metric["le"] = strconv.FormatFloat(bound, 'g', -1, 64)
		}
		text, _ := result.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		series[seriesKey(name, result.Metric)] = value
	}
	return series
}

// everything selects all series except those about the process.
const everything = `{__name__=~".+",__name__!="target_info"}`
