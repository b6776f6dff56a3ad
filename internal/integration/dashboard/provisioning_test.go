package dashboard_test

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestExemplarsLeadToTraces(t *testing.T) {
	t.Parallel()
	var sources struct {
		Datasources []struct {
			Name, Type string
			JSONData   struct {
				Destinations []struct{ Name, URL string } `yaml:"exemplarTraceIdDestinations"`
			} `yaml:"jsonData"`
		}
	}
	testutil.NoError(t, yaml.Unmarshal([]byte(stacktest.ReadShipped(t, "grafana", "provisioning", "datasources", "prometheus.yaml")), &sources))
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" {
		t.Fatalf("data sources are %+v", sources)
	}
	// OpenTelemetry's compatibility with OpenMetrics defines the label trace_id of exemplars.
	destinations := sources.Datasources[0].JSONData.Destinations
	if len(destinations) != 1 || destinations[0].Name != "trace_id" || !strings.HasSuffix(destinations[0].URL, "/$${__value.raw}") {
		t.Errorf("exemplars lead to %+v", destinations)
	}
}
