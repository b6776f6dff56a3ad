package edges

import (
	"flag"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

var update = flag.Bool("update", false, "write the generated parts of the configurations")

func TestConfigurationsMatchCatalogue(t *testing.T) {
	t.Parallel()
	for name, made := range map[string]string{
		"collector.yaml":           collectorProcessors(),
		"collector-gateway.yaml":   collectorProcessors(),
		"prometheus/recording.yml": ruleFile(recordingGroups()),
		"prometheus/native.yml":    ruleFile(nativeGroups()),
	} {
		testutil.Section(t, "../../collector-config/"+name, "  # names: made by go test ./internal/edges -update\n",
			"  # names end\n", made, *update)
	}
}
