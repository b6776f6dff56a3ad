package kubernetes_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/santhosh-tekuri/jsonschema/v6"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	kubejson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

const (
	prometheusOperator    = "github.com/prometheus-operator/prometheus-operator"
	openTelemetryOperator = "github.com/open-telemetry/opentelemetry-operator"
)

// kubernetesTypes has functions that create Kubernetes' own objects.
var kubernetesTypes = map[string]func() any{
	"apps/v1 DaemonSet":  func() any { return &appsv1.DaemonSet{} },
	"apps/v1 Deployment": func() any { return &appsv1.Deployment{} },
	"v1 ConfigMap":       func() any { return &corev1.ConfigMap{} },
	"v1 Service":         func() any { return &corev1.Service{} },
}

func TestObjectsFitTheirSchemas(t *testing.T) {
	t.Parallel()
	schemas := resourceSchemas(t)
	kinds := map[string]bool{}
	for _, o := range build(t, true) {
		kind := o.APIVersion + " " + o.Kind
		kinds[kind] = true
		if err := check(schemas, kind, o.yaml); err != nil {
			t.Errorf("%v: %v", o, err)
		}
	}
	for kind := range schemas {
		if !kinds[kind] {
			t.Errorf("there is no %s", kind)
		}
	}
}

// Unknown fields and wrong values must be found in each kind.
func TestSchemasFindMistakes(t *testing.T) {
	t.Parallel()
	schemas := resourceSchemas(t)
	seen := map[string]bool{}
	for _, o := range build(t, true) {
		kind := o.APIVersion + " " + o.Kind
		if seen[kind] || o.Spec == nil {
			continue
		}
		seen[kind] = true
		for _, field := range []string{"selectr", "Ports"} {
			wrong := strings.Replace(string(o.yaml), "\nspec:\n", "\nspec:\n  "+field+": []\n", 1)
			if check(schemas, kind, []byte(wrong)) == nil {
				t.Errorf("%v: the field %s was not found", o, field)
			}
		}
	}
	wrong := `{"apiVersion": "monitoring.coreos.com/v1", "kind": "PodMonitor", "spec": {"selector": {}, "podMetricsEndpoints": [{"interval": "15"}]}}`
	if check(schemas, "monitoring.coreos.com/v1 PodMonitor", []byte(wrong)) == nil {
		t.Error("the interval without a unit was not found")
	}
}

// check returns an error if the API server would reject the object, or drop a part of it.
func check(schemas map[string]*jsonschema.Schema, kind string, content []byte) error {
	text, err := yaml.YAMLToJSON(content)
	if err != nil {
		return err
	}
	if of := kubernetesTypes[kind]; of != nil {
		// Like the API server, and unlike encoding/json, it distinguishes the case of names.
		strict, err := kubejson.UnmarshalStrict(text, of())
		return errors.Join(append(strict, err)...)
	}
	schema := schemas[kind]
	if schema == nil {
		return errors.New("there is no schema")
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// resourceSchemas returns the schemas of the operators' resources by API version and kind.
func resourceSchemas(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	prometheus := filepath.Join(moduleDir(t, prometheusOperator), "example/prometheus-operator-crd/monitoring.coreos.com_")
	schemas := map[string]*jsonschema.Schema{}
	for _, path := range []string{
		prometheus + "prometheusrules.yaml", prometheus + "podmonitors.yaml", prometheus + "servicemonitors.yaml",
		filepath.Join(moduleDir(t, openTelemetryOperator), "config/crd/bases/opentelemetry.io_opentelemetrycollectors.yaml"),
	} {
		content, err := os.ReadFile(path)
		noError(t, err)
		var definition struct {
			Spec struct {
				Group string `json:"group"`
				Names struct {
					Kind string `json:"kind"`
				} `json:"names"`
				Versions []struct {
					Name    string `json:"name"`
					Storage bool   `json:"storage"`
					Schema  struct {
						OpenAPI map[string]any `json:"openAPIV3Schema"`
					} `json:"schema"`
				} `json:"versions"`
			} `json:"spec"`
		}
		noError(t, yaml.Unmarshal(content, &definition))
		for _, version := range definition.Spec.Versions {
			if !version.Storage {
				continue
			}
			compiler := jsonschema.NewCompiler()
			noError(t, compiler.AddResource(path, strict(version.Schema.OpenAPI)))
			schema, err := compiler.Compile(path)
			noError(t, err)
			schemas[definition.Spec.Group+"/"+version.Name+" "+definition.Spec.Names.Kind] = schema
		}
	}
	return schemas
}

// strict returns an OpenAPI schema of Kubernetes as a JSON schema that allows no unknown fields, which the API server
// silently drops.
func strict(schema any) any {
	switch s := schema.(type) {
	case []any:
		for i := range s {
			s[i] = strict(s[i])
		}
	case map[string]any:
		for key := range s {
			s[key] = strict(s[key])
		}
		_, object := s["properties"].(map[string]any)
		_, open := s["additionalProperties"]
		switch {
		case s["x-kubernetes-int-or-string"] == true:
			return map[string]any{"type": []any{"integer", "string"}}
		case object && s["type"] == "object" && !open && s["x-kubernetes-preserve-unknown-fields"] != true:
			s["additionalProperties"] = false
		}
		if s["format"] != nil {
			delete(s, "format") // such as int32
		}
	}
	return schema
}

// moduleDir returns the folder of a module of go.mod.
func moduleDir(t *testing.T, path string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", path).Output()
	if err != nil {
		t.Fatalf("go mod download %s: %v: %s", path, err, output)
	}
	var module struct{ Dir string }
	noError(t, json.Unmarshal(output, &module))
	return module.Dir
}

// maxRuleSize is the largest PrometheusRule that the operator accepts (MaxConfigMapDataSize in its source).
const maxRuleSize = 1024 * 1024 / 2

// The operator validates rules with Prometheus' own package too.
func TestRulesPassOperatorValidation(t *testing.T) {
	t.Parallel()
	for _, o := range build(t, false) {
		if o.Kind != "PrometheusRule" {
			continue
		}
		content, err := yaml.Marshal(o.Spec)
		noError(t, err)
		if len(content) > maxRuleSize {
			t.Errorf("%v has %d bytes, above %d", o, len(content), maxRuleSize)
		}
		if _, errs := rulefmt.Parse(content, false, model.UTF8Validation); len(errs) > 0 {
			t.Errorf("%v: %v", o, errs)
		}

		var source map[string]any
		name := "prometheus/" + strings.ReplaceAll(strings.TrimPrefix(o.Metadata.Name, "otelpool-"), "-", "_") + ".yml"
		noError(t, yaml.Unmarshal([]byte(read(t, name)), &source))
		if !reflect.DeepEqual(o.Spec, source) {
			t.Errorf("%v does not have the rules of %s", o, name)
		}
	}
}
