package edges_test

import (
	"flag"
	"testing"

	"github.com/otelpool/otelpool-go/internal/edges"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var update = flag.Bool("update", false, "write the generated parts of the configurations")

func TestConfigurationsMatchCatalogue(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]string{
		"collector.yaml":           edges.CollectorProcessors(),
		"collector-gateway.yaml":   edges.CollectorProcessors(),
		"prometheus/recording.yml": edges.Groups(edges.RecordingGroups()),
		"prometheus/native.yml":    edges.Groups(edges.NativeGroups()),
	} {
		testutil.Section(t, "../../collector-config/"+name, "  # names: made by go test ./internal/edges -update\n",
			"  # names end\n", made, *update)
	}
}
