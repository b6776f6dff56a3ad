package edges_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/edges"
)

// renaming lists the configurations that set the documented names.
var renaming = []string{"collector.yaml", "collector-gateway.yaml"}

func TestCollectorPipelinesOrderProcessors(t *testing.T) {
	t.Parallel()
	want := edges.CollectorProcessorNames()
	for _, name := range renaming {
		content, err := os.ReadFile(filepath.Join("../../collector-config", name))
		if err != nil {
			t.Fatal(err)
		}
		_, service, _ := strings.Cut(string(content), "\nservice:\n")
		var got []string
		for line := range strings.Lines(service) {
			if processor, is := strings.CutPrefix(strings.TrimSpace(line), "- "); is && slices.Contains(want, processor) {
				got = append(got, processor)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: pipeline has %v, want %v", name, got, want)
		}
	}
}

func TestEveryDocumentedMetricIsMadeOfItsInstrument(t *testing.T) {
	t.Parallel()
	// Statements are lines of a folded text.
	processors := strings.Join(strings.Fields(edges.CollectorProcessors()), " ")
	for _, row := range catalogue.Rows() {
		if row.Documented == "" {
			if strings.Contains(processors, fmt.Sprintf("metric.name == %q", row.Name)) {
				t.Errorf("%s has no documented name, but a statement", row.Name)
			}
			continue
		}
		made := fmt.Sprintf("%q) where metric.name == %q", "otelpool/"+row.Documented, row.Name)
		want := 1
		if strings.HasPrefix(row.Name, "db.client.") {
			want = 2 // pools in other languages have it too
		}
		if n := strings.Count(processors, made); n != want {
			t.Errorf("%s is made of %s %d times, want %d", row.Documented, row.Name, n, want)
		}
	}
}
