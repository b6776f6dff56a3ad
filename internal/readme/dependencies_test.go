package readme

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var direct = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)

func TestEveryDependencyHasItsReason(t *testing.T) {
	t.Parallel()
	text := read(t, "DEPENDENCIES.md")
	modules := direct.FindAllStringSubmatch(read(t, "go.mod"), -1)
	if len(modules) == 0 {
		t.Fatal("go.mod requires nothing")
	}
	for _, module := range modules {
		if !strings.Contains(text, "`"+module[1]+"`") {
			t.Errorf("DEPENDENCIES.md does not tell why %s is there", module[1])
		}
	}
}

func TestEveryModuleOfItsOwnIsNamed(t *testing.T) {
	t.Parallel()
	text := read(t, "DEPENDENCIES.md")
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if entry.Name() == "go.mod" {
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

// permissive are words of the licences that ask for no more than their own text.
var permissive = regexp.MustCompile(`Apache License|MIT License|Permission is hereby granted, free of charge|Redistribution and use in source and binary forms|Permission to use, copy, modify, and`)

func TestLicencesOfWhatUsersLinkArePermissive(t *testing.T) {
	t.Parallel()
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Dir}}{{end}}{{end}}", "./otelpool/...", "./exporters/...")
	list.Dir = filepath.Join("..", "..")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for dir := range strings.Lines(string(out)) {
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
