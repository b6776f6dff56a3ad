package dashboard_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func grafanaSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("schema/grafana.schema.json")
	testutil.NoError(t, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	testutil.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	testutil.NoError(t, compiler.AddResource("grafana.json", document))
	schema, err := compiler.Compile("grafana.json")
	testutil.NoError(t, err)
	return schema
}

func validate(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	testutil.NoError(t, err)
	return schema.Validate(document)
}

func TestDashboardsFollowGrafanasSchema(t *testing.T) {
	t.Parallel()
	schema := grafanaSchema(t)
	for _, name := range boards {
		text := stacktest.ReadShipped(t, "grafana", name)
		if err := validate(t, schema, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSchemaRejectsMisspelledFields(t *testing.T) {
	t.Parallel()
	schema := grafanaSchema(t)
	text := stacktest.ReadShipped(t, "grafana", "pool.json")
	for _, mistake := range []struct{ right, wrong string }{
		{`"legendFormat":`, `"legendFromat":`},
		{`"targets":`, `"target":`},
		{`"fillOpacity":`, `"fillOpactiy":`},
		{`"showThresholdMarkers":`, `"showTresholdMarkers":`},
		{`"displayMode": "table"`, `"displayMode": "tabel"`},
		{`"type": "timeseries"`, `"type": "timeserie"`},
		{`"graphMode": "none"`, `"graphMode": "nothing"`},
		{`"allValue":`, `"allVale":`},
		{`"exemplar": true`, `"exemplar": "true"`},
		{`"steps": [`, `"step": [`},
		{`"titleFormat":`, `"titelFormat":`},
	} {
		wrong := strings.Replace(text, mistake.right, mistake.wrong, 1)
		if wrong == text {
			t.Errorf("%s is not in the dashboard", mistake.right)
		} else if validate(t, schema, wrong) == nil {
			t.Errorf("%s goes unnoticed", mistake.wrong)
		}
	}
}
