package manifests

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

var update = flag.Bool("update", false, "write the generated files of collector-config/kubernetes")

const config = "../../../collector-config"

func TestGeneratedFilesMatchSources(t *testing.T) {
	files, err := generate(config)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.MkdirAll(filepath.Join(config, "kubernetes/generated"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range files {
		path := filepath.Join(config, name)
		got, err := os.ReadFile(path)
		switch {
		case err == nil && string(got) == want:
		case *update:
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Error(err)
			}
		default:
			t.Errorf("%s differs from its sources: make generate (%v)", name, err)
		}
	}
}

func TestGeneratedFolderHasNoOtherFiles(t *testing.T) {
	files, err := generate(config)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(filepath.Join(config, "kubernetes/generated"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if _, made := files["kubernetes/generated/"+entry.Name()]; !made {
			t.Errorf("generated/%s is not made by make generate", entry.Name())
		}
	}
	if !slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == "collector-agent.yaml" }) {
		t.Error("generated/collector-agent.yaml is missing")
	}
}
