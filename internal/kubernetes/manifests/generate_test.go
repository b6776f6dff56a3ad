package manifests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// copied lists the files that are copied for kustomization.yaml, which cannot read other folders.
var copied = []string{"collector*.yaml", "grafana/*.json"}

// embedded lists the files that opentelemetrycollectors.yaml contains.
var embedded = []string{"collector-agent.yaml", "collector-gateway.yaml"}

// operatorFile is the file with generated parts.
const operatorFile = "kubernetes/opentelemetrycollectors.yaml"

// generate returns the content of each generated file by its path below config, which is the folder collector-config.
func generate(config string) (files map[string]string, err error) {
	files = map[string]string{}
	for _, pattern := range copied {
		paths, err := filepath.Glob(filepath.Join(config, pattern))
		if err != nil {
			return nil, err
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			files["kubernetes/generated/"+filepath.Base(path)] = string(content)
		}
	}
	if files["kubernetes/prometheusrules.yaml"], err = prometheusRules(config); err != nil {
		return nil, err
	}
	files[operatorFile], err = embed(config)
	return files, err
}

// prometheusRules returns a PrometheusRule for each file of rules.
func prometheusRules(config string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(config, "prometheus", "*.yml"))
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString("# The rules of ../prometheus, by make generate.\n")
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		if !strings.Contains("\n"+string(content), "\ngroups:\n") {
			continue
		}
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(path), ".yml"), "_", "-")
		fmt.Fprintf(&b, "---\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: otelpool-%s\nspec:\n%s",
			name, indent(string(content), "  "))
	}
	return b.String(), nil
}

// embed returns operatorFile with each embedded file between its marks.
func embed(config string) (string, error) {
	content, err := os.ReadFile(filepath.Join(config, operatorFile))
	if err != nil {
		return "", err
	}
	text := string(content)
	for _, name := range embedded {
		source, err := os.ReadFile(filepath.Join(config, name))
		if err != nil {
			return "", err
		}
		begin, end := "    # "+name+", by make generate\n", "    # end of "+name+"\n"
		before, rest, begun := strings.Cut(text, begin)
		_, after, ended := strings.Cut(rest, end)
		if !begun || !ended {
			return "", fmt.Errorf("%s lacks the lines %q and %q", operatorFile, begin, end)
		}
		text = before + begin + indent(string(source), "    ") + end + after
	}
	return text, nil
}

func indent(text, by string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line != "\n" {
			b.WriteString(by)
		}
		b.WriteString(line)
	}
	return b.String()
}
