package main

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestFlagsSetSettings(t *testing.T) {
	t.Parallel()
	s, err := newSettings([]string{"-for", "1m", "-memory", "512", "-steps", "1, 20,300", "-interval", "5s"})
	if err != nil {
		t.Fatal(err)
	}
	if s.limit != time.Minute || s.memory != 512<<20 || !slices.Equal(s.steps, []int{1, 20, 300}) || s.interval != 5*time.Second {
		t.Errorf("got %+v", s)
	}
}

func TestDefaultLimitsAreThreeMinutesAnd8GiB(t *testing.T) {
	t.Parallel()
	s, err := newSettings(nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.limit != 3*time.Minute || s.memory != 8<<30 {
		t.Errorf("got %+v", s)
	}
}

func TestRunRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"-steps is \"many\": want numbers": {"-steps", "many"},
		"unknown argument \"100\"":         {"100"},
		"-h lists the flags":               {"-fast"},
	} {
		var stderr strings.Builder
		if code := run(args, io.Discard, &stderr); code != 1 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%v: code %d, %q: want %q", args, code, stderr.String(), want)
		}
	}
}

func TestHelpListsFlags(t *testing.T) {
	t.Parallel()
	var stdout strings.Builder
	if code := run([]string{"-h"}, &stdout, io.Discard); code != 0 || !strings.Contains(stdout.String(), "-memory") {
		t.Errorf("code %d, %q", code, stdout.String())
	}
}
