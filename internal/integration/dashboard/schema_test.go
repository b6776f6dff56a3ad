package dashboard_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

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
		text, err := os.ReadFile(committed(t, name))
		testutil.NoError(t, err)
		if err := validate(t, schema, string(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
