package prometheus_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// The files that users load, and their unit tests.
const (
	configDir     = "../../../collector-config"
	prometheusDir = configDir + "/prometheus"
	configFile    = prometheusDir + "/prometheus.yml"
	recordingFile = prometheusDir + "/recording.yml"
	nativeFile    = prometheusDir + "/native.yml"
	alertsFile    = prometheusDir + "/alerts.yml"
	runbookFile   = configDir + "/RUNBOOK.md"
)

// ruleFiles are the files with rules, in the order of their evaluation in tests.
var ruleFiles = []string{recordingFile, nativeFile, alertsFile}

type ruleFile struct {
	Groups []group `yaml:"groups"`
}

type group struct {
	Name  string `yaml:"name"`
	Rules []rule `yaml:"rules"`
}

type rule struct {
	Record      string            `yaml:"record,omitempty"`
	Alert       string            `yaml:"alert,omitempty"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for,omitempty"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
}

func readRules(t *testing.T, path string) ruleFile {
	t.Helper()
	var f ruleFile
	readYAML(t, path, &f)
	if len(f.Groups) == 0 {
		t.Fatalf("%s has no groups", path)
	}
	return f
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	testutil.NoError(t, err)
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func (f ruleFile) all() []rule {
	var rules []rule
	for _, g := range f.Groups {
		rules = append(rules, g.Rules...)
	}
	return rules
}

func alerts(t *testing.T) map[string]rule {
	t.Helper()
	found := make(map[string]rule)
	for _, r := range readRules(t, alertsFile).all() {
		if r.Alert == "" {
			continue
		}
		if _, ok := found[r.Alert]; ok {
			t.Errorf("two alerts %s", r.Alert)
		}
		found[r.Alert] = r
	}
	return found
}

// ruleTests returns the files with unit tests of rules that match a pattern.
func ruleTests(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(prometheusDir, "tests", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests %s: %v", pattern, err)
	}
	return files
}

func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, stacktest.Program(t, programs.Promtool), args...).CombinedOutput()
	return string(out), err
}

// changed copies rules and their tests into a directory, and changes the text of a rule file. It returns the paths of
// the copied tests.
func changed(t *testing.T, ruleFile, pattern string, change func(string) string) []string {
	t.Helper()
	dir := t.TempDir()
	for _, path := range ruleFiles {
		text, err := os.ReadFile(path)
		testutil.NoError(t, err)
		content := string(text)
		if path == ruleFile {
			if content = change(content); content == string(text) {
				t.Fatalf("nothing was changed in %s", path)
			}
		}
		write(t, filepath.Join(dir, filepath.Base(path)), content)
	}
	var tests []string
	for _, path := range ruleTests(t, pattern) {
		text, err := os.ReadFile(path)
		testutil.NoError(t, err)
		tests = append(tests, filepath.Join(dir, "tests", filepath.Base(path)))
		write(t, tests[len(tests)-1], string(text))
	}
	return tests
}

func write(t *testing.T, path, content string) {
	t.Helper()
	testutil.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	testutil.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

// eachRule returns a function that changes every rule of a rule file.
func eachRule(t *testing.T, change func(r *rule)) func(string) string {
	return func(text string) string {
		var f ruleFile
		testutil.NoError(t, yaml.Unmarshal([]byte(text), &f))
		for _, g := range f.Groups {
			for i := range g.Rules {
				change(&g.Rules[i])
			}
		}
		out, err := yaml.Marshal(f)
		testutil.NoError(t, err)
		return string(out)
	}
}

func replaced(old, with string) func(string) string {
	return func(text string) string { return strings.ReplaceAll(text, old, with) }
}
