package stack_test

import (
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// composeProject loads the compose file as compose does, with its schema and the given environment.
func composeProject(t *testing.T, environment types.Mapping) *types.Project {
	t.Helper()
	path := stacktest.Shipped(t, "compose.yaml")
	project, err := loader.LoadWithContext(t.Context(), types.ConfigDetails{
		WorkingDir:  filepath.Dir(path),
		ConfigFiles: []types.ConfigFile{{Filename: path}},
		Environment: environment,
	})
	testutil.NoError(t, err)
	return project
}

func TestComposeHasAllServices(t *testing.T) {
	t.Parallel()
	got := composeProject(t, nil).ServiceNames()
	slices.Sort(got)
	if want := []string{"alertmanager", "collector", "demo", "grafana", "postgres", "prometheus"}; !slices.Equal(got, want) {
		t.Errorf("services are %v, want %v", got, want)
	}
}

func TestComposeMountsExistingFiles(t *testing.T) {
	t.Parallel()
	project := composeProject(t, nil)
	for name, service := range project.Services {
		for _, volume := range service.Volumes {
			if volume.Type != types.VolumeTypeBind || !volume.ReadOnly {
				t.Errorf("%s mounts %s as %s, want a read-only bind", name, volume.Source, volume.Type)
			}
			if _, err := os.Stat(volume.Source); err != nil {
				t.Errorf("%s mounts a missing path: %v", name, err)
			}
		}
	}
	if len(project.Volumes) > 0 {
		t.Errorf("volumes %v outlive the containers", project.Volumes)
	}
}

func TestComposePublishesOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	taken := make(map[string]string)
	for name, service := range composeProject(t, nil).Services {
		if service.NetworkMode == "host" {
			t.Errorf("%s listens on the machine's own network", name)
		}
		for _, port := range service.Ports {
			if ip := net.ParseIP(port.HostIP); ip == nil || !ip.IsLoopback() {
				t.Errorf("%s publishes port %d on %q", name, port.Target, port.HostIP)
			}
			if other, ok := taken[port.Published]; ok {
				t.Errorf("%s and %s both publish port %s", name, other, port.Published)
			}
			taken[port.Published] = name
		}
	}
	if len(taken) == 0 {
		t.Error("nothing is published")
	}
}

func TestComposeWaitsForNeededServices(t *testing.T) {
	t.Parallel()
	project := composeProject(t, nil)
	for name, service := range project.Services {
		if service.HealthCheck == nil || len(service.HealthCheck.Test) < 2 || service.HealthCheck.Retries == nil {
			t.Errorf("%s has no health check", name)
		}
		for needed, dependency := range service.DependsOn {
			if dependency.Condition != types.ServiceConditionHealthy {
				t.Errorf("%s waits until %s is %s, want healthy", name, needed, dependency.Condition)
			}
		}
	}
	for name, needed := range map[string][]string{
		"demo": {"collector", "postgres"}, "prometheus": {"alertmanager", "collector"}, "grafana": {"prometheus"},
	} {
		if got := slices.Sorted(maps.Keys(project.Services[name].DependsOn)); !slices.Equal(got, needed) {
			t.Errorf("%s depends on %v, want %v", name, got, needed)
		}
	}
}

func TestComposeHasOneChangeablePassword(t *testing.T) {
	t.Parallel()
	project := composeProject(t, types.Mapping{"DEMO_POSTGRES_PASSWORD": "another"})
	testutil.Equal(t, "the server's password", *project.Services["postgres"].Environment["POSTGRES_PASSWORD"], "another")
	testutil.Equal(t, "the demo's server", *project.Services["demo"].Environment["DATABASE_URL"], "postgres://demo:another@postgres:5432/demo?sslmode=disable")
	if ports := project.Services["postgres"].Ports; len(ports) > 0 {
		t.Errorf("the server is published on %v", ports)
	}
	for name, service := range project.Services {
		for variable := range service.Environment {
			if strings.Contains(variable, "PASSWORD") && variable != "POSTGRES_PASSWORD" {
				t.Errorf("%s has %s", name, variable)
			}
		}
	}
	if *project.Services["grafana"].Environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] != "true" {
		t.Error("Grafana has its well-known first user")
	}
}
