package stack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestComposeListensForOtherContainers(t *testing.T) {
	t.Parallel()
	text := stacktest.ReadShipped(t, "collector.yaml")
	environment := composeProject(t, nil).Services["collector"].Environment
	// Every address of the configuration with a loopback default.
	variables := regexp.MustCompile(`endpoint: \$\{env:([A-Z_]+):-127\.0\.0\.1:(\d+)\}`).FindAllStringSubmatch(text, -1)
	if len(variables) < 3 {
		t.Errorf("found only %v", variables)
	}
	for _, variable := range variables {
		value := environment[variable[1]]
		if value == nil || *value != "0.0.0.0:"+variable[2] {
			t.Errorf("%s is not set to 0.0.0.0:%s", variable[1], variable[2])
		}
	}
}

func TestComposePrometheusFindsContainers(t *testing.T) {
	t.Parallel()
	project := composeProject(t, nil)
	service := project.Services["prometheus"]
	before, start, ok := strings.Cut(strings.Join(service.Command, "\n"), "exec prometheus ")
	if !ok || !strings.Contains(start, "--config.file=/derived/prometheus.yml") {
		t.Fatalf("the command is %q", service.Command)
	}
	// Run the entry point's change of the configuration here.
	derived := t.TempDir()
	script := strings.NewReplacer("/shipped/", service.Volumes[0].Source+"/", "/derived/", derived+"/").Replace(before)
	if out, err := exec.Command("/bin/sh", "-euc", script).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	config := filepath.Join(derived, "prometheus.yml")
	if out, err := exec.Command(stacktest.Program(t, programs.Promtool), "check", "config", config).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(config)
	testutil.NoError(t, err)
	var targets []string
	for _, list := range regexp.MustCompile(`(?m)^[^#\n]*targets: \[(.*)\]`).FindAllStringSubmatch(string(text), -1) {
		if list[1] != "" {
			targets = append(targets, strings.Trim(list[1], `"`))
		}
	}
	slices.Sort(targets)
	if want := []string{"alertmanager:9093", "collector:8888", "collector:8889"}; !slices.Equal(targets, want) {
		t.Errorf("targets are %v, want %v", targets, want)
	}
	for _, target := range targets {
		if name, _, _ := strings.Cut(target, ":"); project.Services[name].Name == "" {
			t.Errorf("%s is no service", name)
		}
	}
}

func TestComposeGrafanaFindsDataAndDashboards(t *testing.T) {
	t.Parallel()
	service := composeProject(t, nil).Services["grafana"]
	variable := func(name string) string {
		if value := service.Environment[name]; value != nil {
			return *value
		}
		t.Errorf("%s is not set for Grafana", name)
		return ""
	}
	var urls, paths []string
	files, err := filepath.Glob(stacktest.Shipped(t, "grafana", "provisioning", "*", "*.y*ml"))
	testutil.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		testutil.NoError(t, err)
		var provisioning struct {
			Datasources []struct{ URL string }
			Providers   []struct{ Options struct{ Path string } }
		}
		testutil.NoError(t, yaml.Unmarshal(text, &provisioning))
		for _, source := range provisioning.Datasources {
			urls = append(urls, os.Expand(source.URL, variable))
		}
		for _, provider := range provisioning.Providers {
			paths = append(paths, os.Expand(provider.Options.Path, variable))
		}
	}
	if want := []string{"http://prometheus:9090"}; !slices.Equal(urls, want) {
		t.Errorf("data sources are %v, want %v", urls, want)
	}
	mounted := func(path string) bool {
		return slices.ContainsFunc(service.Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Target == path && v.Source == stacktest.Shipped(t, "grafana")
		})
	}
	if len(paths) != 1 || !mounted(paths[0]) {
		t.Errorf("dashboards are looked for in %v, where they are not mounted", paths)
	}
}
