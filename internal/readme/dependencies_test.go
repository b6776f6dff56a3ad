package readme

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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
				t.Errorf("DEPENDENCIES.md does not tell why %s is there", module[1])
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
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if name := entry.Name(); err != nil || name == "node_modules" || len(name) > 2 && name[0] == '.' {
			return fs.SkipDir
		}
		if entry.Name() == "go.mod" && filepath.Dir(path) != root {
			module, err := filepath.Rel(root, filepath.Dir(path))
			if err != nil {
				return err
			}
			if !strings.Contains(text, "`"+filepath.ToSlash(module)+"`") {
				t.Errorf("DEPENDENCIES.md does not name %s", module)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// permissive matches licences that require only that their text is kept.
var permissive = regexp.MustCompile(`Apache License|MIT License|Permission is hereby granted, free of charge|Redistribution and use in source and binary forms|Permission to use, copy, modify, and`)

func TestLicencesOfLinkedModulesArePermissive(t *testing.T) {
	t.Parallel()
	var dirs strings.Builder
	for _, folder := range published {
		list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not (or .Main .Replace)}}{{.Dir}}{{end}}{{end}}", "./...")
		list.Dir = filepath.Join("..", "..", folder)
		out, err := list.Output()
		if err != nil {
			t.Fatal(err)
		}
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
		if err != nil {
			t.Fatal(err)
		}
		if !permissive.Match(licence) {
			t.Errorf("%s has a licence that is not known as permissive", dir)
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d modules are linked", len(seen))
	}
}
