package readme

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

var direct = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)

// published lists the folders of the modules that users import.
var published = []string{".", "exporters/otlp", "exporters/prometheus"}

func TestEveryDependencyHasReason(t *testing.T) {
	t.Parallel()
	text := read(t, "DEPENDENCIES.md")
	for _, folder := range published {
		modules := direct.FindAllStringSubmatch(read(t, filepath.Join(folder, "go.mod")), -1)
		if len(modules) == 0 {
			t.Errorf("%s/go.mod requires nothing", folder)
		}
		for _, module := range modules {
			if !strings.Contains(text, "`"+module[1]+"`") {
				t.Errorf("DEPENDENCIES.md does not say why %s is there", module[1])
			}
		}
	}
}

func TestPublishedModulesNeedNoOther(t *testing.T) {
	t.Parallel()
	for _, folder := range published {
		for _, module := range direct.FindAllStringSubmatch(read(t, filepath.Join(folder, "go.mod")), -1) {
			own, ok := strings.CutPrefix(module[1]+"/", "github.com/otelpool/otelpool-go/")
			if ok && !slices.Contains(published, filepath.ToSlash(filepath.Clean(own))) {
				t.Errorf("%s/go.mod requires %s, which is not published", folder, module[1])
			}
		}
	}
}

func TestEveryNestedModuleIsNamed(t *testing.T) {
	t.Parallel()
	text := read(t, "DEPENDENCIES.md")
	for _, module := range foldersWith(t, "go.mod") {
		if module != "." && !strings.Contains(text, "`"+module+"`") {
			t.Errorf("DEPENDENCIES.md does not name %s", module)
		}
	}
}

// ecosystem matches an ecosystem of dependabot.yml and the folders of its entry.
var ecosystem = regexp.MustCompile(`(?m)^  - package-ecosystem: (\S+)\n    directories:\n((?:      - /\S*\n)+)`)

func TestDependabotListsEveryFolder(t *testing.T) {
	t.Parallel()
	listed := make(map[string][]string)
	for _, entry := range ecosystem.FindAllStringSubmatch(read(t, ".github/dependabot.yml"), -1) {
		for line := range strings.Lines(entry[2]) {
			folder := strings.TrimPrefix(strings.TrimSpace(line), "- /")
			listed[entry[1]] = append(listed[entry[1]], path.Clean(folder))
		}
	}
	for name, want := range map[string][]string{
		"gomod": foldersWith(t, "go.mod"), "npm": foldersWith(t, "package.json"), "github-actions": {"."},
	} {
		got := slices.Sorted(slices.Values(listed[name]))
		if !slices.Equal(got, want) {
			t.Errorf("dependabot.yml has the folders %q of %s, the tree %q", got, name, want)
		}
	}
}

// foldersWith returns the folders of the tree that have a file of that name.
func foldersWith(t *testing.T, name string) (folders []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == "node_modules" || len(entry.Name()) > 2 && entry.Name()[0] == '.') {
			return fs.SkipDir
		}
		if entry.Name() == name {
			folder, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			folders = append(folders, filepath.ToSlash(folder))
		}
		return nil
	})
	testutil.NoError(t, err)
	slices.Sort(folders)
	return folders
}

// permissive matches licences that only require keeping their text.
var permissive = regexp.MustCompile(`Apache License|MIT License|Permission is hereby granted, free of charge|Redistribution and use in source and binary forms|Permission to use, copy, modify, and`)

func TestLicencesOfLinkedModulesArePermissive(t *testing.T) {
	t.Parallel()
	var dirs strings.Builder
	for _, folder := range published {
		list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not (or .Main .Replace)}}{{.Dir}}{{end}}{{end}}", "./...")
		list.Dir = filepath.Join("..", "..", folder)
		out, err := list.Output()
		testutil.NoError(t, err)
		dirs.Write(out)
	}
	seen := make(map[string]bool)
	for dir := range strings.Lines(dirs.String()) {
		dir = strings.TrimSpace(dir)
		if dir == "" || seen[dir] {
			continue
		}
		seen[dir] = true
		files, err := filepath.Glob(filepath.Join(dir, "LICEN[CS]E*"))
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no licence", dir)
			continue
		}
		licence, err := os.ReadFile(files[0])
		testutil.NoError(t, err)
		if !permissive.Match(licence) {
			t.Errorf("%s does not have one of the permissive licences", dir)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d modules are linked", len(seen))
	}
}
