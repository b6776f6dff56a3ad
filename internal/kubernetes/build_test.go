package kubernetes_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

const config = "../../collector-config"

type object struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   metadata       `json:"metadata"`
	Spec       map[string]any `json:"spec"`

	Data map[string]string `json:"data"` // of a ConfigMap

	yaml []byte
}

type metadata struct {
	Name      string            `json:"name"`
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
}

func (o object) String() string { return o.Kind + " " + o.Metadata.Name }

// build returns the objects that kubectl apply -k applies. If everything is set, these include objects that are
// commented out.
func build(t *testing.T, everything bool) []object {
	t.Helper()
	fs := filesys.MakeFsInMemory()
	for _, folder := range []string{"", "generated"} {
		entries, err := os.ReadDir(filepath.Join(config, "kubernetes", folder))
		noError(t, err)
		for _, entry := range entries {
			if entry.IsDir() {
				continue
			}
			name := filepath.Join("kubernetes", folder, entry.Name())
			content := read(t, name)
			if everything && entry.Name() == "kustomization.yaml" {
				content = strings.ReplaceAll(content, "  # - ", "  - ")
			}
			noError(t, fs.WriteFile("/"+name, []byte(content)))
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, "/kubernetes")
	noError(t, err)
	var objects []object
	for _, resource := range built.Resources() {
		content, err := resource.AsYAML()
		noError(t, err)
		o := object{yaml: content}
		noError(t, yaml.Unmarshal(content, &o))
		objects = append(objects, o)
	}
	return objects
}

// noError ends the test if err is not nil. This module uses none of the project's other modules.
func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(config, name))
	noError(t, err)
	return string(content)
}

func glob(t *testing.T, pattern string) (names []string) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(config, pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %v", pattern, paths, err)
	}
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	return names
}

// withoutSuffix returns the name of a generated ConfigMap without the hash of its content, which has no vowels.
func withoutSuffix(name string) string {
	if i := strings.LastIndex(name, "-"); len(name)-i == 11 && !strings.ContainsAny(name[i:], "aeiou") {
		return name[:i]
	}
	return name
}

func TestKustomizationAppliesAll(t *testing.T) {
	t.Parallel()
	want := []string{
		"ConfigMap otelpool-agent", "ConfigMap otelpool-collector", "ConfigMap otelpool-dashboards", "ConfigMap otelpool-gateway",
		"DaemonSet otelpool-agent", "Deployment otelpool-collector", "Deployment otelpool-gateway",
		"PodMonitor otelpool-services", "Service otelpool-collector", "Service otelpool-gateway", "ServiceMonitor otelpool-collector",
	}
	for _, name := range glob(t, "prometheus/*.yml") {
		if strings.Contains("\n"+read(t, "prometheus/"+name), "\ngroups:\n") {
			want = append(want, "PrometheusRule otelpool-"+strings.ReplaceAll(strings.TrimSuffix(name, ".yml"), "_", "-"))
		}
	}
	var got []string
	for _, o := range build(t, false) {
		got = append(got, o.Kind+" "+withoutSuffix(o.Metadata.Name))
		if o.Metadata.Namespace != "monitoring" || o.Metadata.Labels["release"] != "kube-prometheus-stack" {
			t.Errorf("%v has namespace %q and labels %v", o, o.Metadata.Namespace, o.Metadata.Labels)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("kustomize builds\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestConfigMapsHaveTheFiles(t *testing.T) {
	t.Parallel()
	want := map[string]map[string]string{
		"otelpool-collector":  {"config.yaml": "collector.yaml"},
		"otelpool-agent":      {"config.yaml": "collector-agent.yaml"},
		"otelpool-gateway":    {"config.yaml": "collector-gateway.yaml"},
		"otelpool-dashboards": {},
	}
	for _, name := range glob(t, "grafana/*.json") {
		want["otelpool-dashboards"][name] = "grafana/" + name
	}
	for _, o := range build(t, false) {
		if o.Kind != "ConfigMap" {
			continue
		}
		files := want[withoutSuffix(o.Metadata.Name)]
		if len(o.Data) != len(files) {
			t.Errorf("%v has %d files, want %d", o, len(o.Data), len(files))
		}
		for key, name := range files {
			if o.Data[key] != read(t, name) {
				t.Errorf("%v: %s is not %s", o, key, name)
			}
		}
		dashboards := o.Metadata.Name == "otelpool-dashboards"
		if hasLabel := o.Metadata.Labels["grafana_dashboard"] == "1"; hasLabel != dashboards {
			t.Errorf("%v has the label of Grafana's sidecar: %v, want %v", o, hasLabel, dashboards)
		}
	}
}

// maxObjectSize is the limit of the annotations of an object. kubectl apply keeps the whole object in one.
const maxObjectSize = 256 * 1024

func TestObjectsCanBeApplied(t *testing.T) {
	t.Parallel()
	for _, o := range build(t, true) {
		content, err := yaml.YAMLToJSON(o.yaml)
		noError(t, err)
		if len(content) >= maxObjectSize {
			t.Errorf("%v has %d bytes, want less than %d", o, len(content), maxObjectSize)
		}
	}
}
