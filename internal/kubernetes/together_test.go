package kubernetes_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

type workload struct {
	name     string
	selector map[string]string
	pod      corev1.PodTemplateSpec
}

func (w workload) container() corev1.Container { return w.pod.Spec.Containers[0] }

func workloads(t *testing.T, objects []object) (all []workload) {
	t.Helper()
	// A Deployment and a DaemonSet have these fields in common.
	for _, d := range decoded[appsv1.Deployment](t, objects, "Deployment", "DaemonSet") {
		all = append(all, workload{d.Name, d.Spec.Selector.MatchLabels, d.Spec.Template})
	}
	return all
}

// decoded returns the objects of some kinds as a type.
func decoded[T any](t *testing.T, objects []object, kinds ...string) (all []T) {
	t.Helper()
	for _, o := range objects {
		if slices.Contains(kinds, o.Kind) {
			var into T
			noError(t, yaml.Unmarshal(o.yaml, &into))
			all = append(all, into)
		}
	}
	return all
}

func contains(labels, selector map[string]string) bool {
	for key, value := range selector {
		if labels[key] != value {
			return false
		}
	}
	return true
}

func TestSelectorsMatchPods(t *testing.T) {
	t.Parallel()
	objects := build(t, true)
	pods := workloads(t, objects)
	for _, w := range pods {
		if !contains(w.pod.Labels, w.selector) || len(w.selector) == 0 {
			t.Errorf("%s selects %v, its pods have %v", w.name, w.selector, w.pod.Labels)
		}
	}
	services := decoded[corev1.Service](t, objects, "Service")
	for _, s := range services {
		i := slices.IndexFunc(pods, func(w workload) bool { return contains(w.pod.Labels, s.Spec.Selector) })
		if i < 0 {
			t.Errorf("no pod has the labels %v of Service %s", s.Spec.Selector, s.Name)
			continue
		}
		for _, port := range s.Spec.Ports {
			if !slices.ContainsFunc(pods[i].container().Ports, func(p corev1.ContainerPort) bool { return p.Name == port.TargetPort.String() }) {
				t.Errorf("Service %s: the pods have no port %s", s.Name, port.TargetPort.String())
			}
		}
	}
	for _, o := range objects {
		if o.Kind != "ServiceMonitor" {
			continue
		}
		var monitor struct {
			Spec struct {
				Selector struct {
					MatchLabels map[string]string `json:"matchLabels"`
				} `json:"selector"`
				Endpoints []struct {
					Port        string `json:"port"`
					HonorLabels bool   `json:"honorLabels"`
				} `json:"endpoints"`
			} `json:"spec"`
		}
		noError(t, yaml.Unmarshal(o.yaml, &monitor))
		endpoint := monitor.Spec.Endpoints[0]
		if !endpoint.HonorLabels {
			t.Errorf("%v does not keep the labels of the services", o)
		}
		if !slices.ContainsFunc(services, func(s corev1.Service) bool {
			return contains(s.Labels, monitor.Spec.Selector.MatchLabels) &&
				slices.ContainsFunc(s.Spec.Ports, func(p corev1.ServicePort) bool { return p.Name == endpoint.Port })
		}) {
			t.Errorf("%v selects no Service with the port %s", o, endpoint.Port)
		}
	}
}

func TestVolumesHaveConfigMaps(t *testing.T) {
	t.Parallel()
	objects := build(t, true)
	for _, w := range workloads(t, objects) {
		for _, volume := range w.pod.Spec.Volumes {
			if !slices.ContainsFunc(objects, func(o object) bool { return o.Kind == "ConfigMap" && o.Metadata.Name == volume.ConfigMap.Name }) {
				t.Errorf("%s: there is no ConfigMap %s", w.name, volume.ConfigMap.Name)
			}
		}
	}
}

// environment matches a variable in the configuration of a Collector.
var environment = regexp.MustCompile(`\$\{env:(\w+)`)

// A variable that a configuration does not read has no effect.
func TestCollectorsReadTheirVariables(t *testing.T) {
	t.Parallel()
	objects := build(t, true)
	check := func(name, file string, env []corev1.EnvVar) {
		reads := map[string]bool{"GOMEMLIMIT": true}
		for _, match := range environment.FindAllStringSubmatch(read(t, file), -1) {
			reads[match[1]] = true
		}
		if len(env) == 0 {
			t.Errorf("%s has no variables", name)
		}
		for _, variable := range env {
			if !reads[variable.Name] {
				t.Errorf("%s sets %s, %s reads only %v", name, variable.Name, file, slices.Sorted(maps.Keys(reads)))
			}
		}
	}
	files := map[string]string{"otelpool-collector": "collector.yaml", "otelpool-agent": "collector-agent.yaml", "otelpool-gateway": "collector-gateway.yaml"}
	env := map[string][]corev1.EnvVar{}
	for _, w := range workloads(t, objects) {
		if file := files[w.name]; file != "" {
			check(w.name, file, w.container().Env)
			env[w.name] = w.container().Env
		}
	}
	for _, o := range objects {
		if o.Kind != "OpenTelemetryCollector" {
			continue
		}
		var c struct {
			Spec struct {
				Env    []corev1.EnvVar `json:"env"`
				Config map[string]any  `json:"config"`
			} `json:"spec"`
		}
		noError(t, yaml.Unmarshal(o.yaml, &c))
		check(o.String(), files[o.Metadata.Name], c.Spec.Env)
		// They differ only in the gateways' name.
		for i, variable := range env[o.Metadata.Name] {
			if variable.Name != "GATEWAY_ENDPOINT" && (i >= len(c.Spec.Env) || c.Spec.Env[i] != variable) {
				t.Errorf("%v does not have the variable %v of its workload", o, variable)
			}
		}
	}
}

// The instance is the pod. A variable must be defined before its use.
func TestServiceNamesItsInstance(t *testing.T) {
	t.Parallel()
	all := workloads(t, build(t, true))
	service := all[slices.IndexFunc(all, func(w workload) bool { return w.name == "orders" })]
	values := map[string]string{}
	for _, variable := range service.container().Env {
		value := variable.Value
		if from := variable.ValueFrom; from != nil {
			value = from.FieldRef.FieldPath
		}
		for name, defined := range values {
			value = strings.ReplaceAll(value, "$("+name+")", defined)
		}
		values[variable.Name] = value
	}
	if got := values["OTEL_RESOURCE_ATTRIBUTES"]; !strings.Contains(","+got+",", ",service.instance.id=metadata.name,") || strings.Contains(got, "$") {
		t.Errorf("resource attributes %q", got)
	}
	if got := values["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"]; got != "http://status.hostIP:4318/v1/metrics" {
		t.Errorf("endpoint %q", got)
	}
}
