package poolz

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestVersionOfUPlotIsNoted(t *testing.T) {
	t.Parallel()
	version := regexp.MustCompile(`uPlot \(v(\S+)\)`).FindSubmatch(assets["uPlot.iife.min.js"].body)
	notes, err := os.ReadFile("../../DEPENDENCIES.md")
	if err != nil || version == nil {
		t.Fatal(err, version)
	}
	if !strings.Contains(strings.Join(strings.Fields(string(notes)), " "), ") "+string(version[1])+" by Leon Sorokin") {
		t.Errorf("DEPENDENCIES.md does not have version %s", version[1])
	}
}

// TestScriptsSetNoMarkup looks for calls that could turn a name into markup or code, or that the policy forbids.
func TestScriptsSetNoMarkup(t *testing.T) {
	t.Parallel()
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|setAttribute\('style|https?://`)
	for name, asset := range assets {
		if strings.HasSuffix(name, ".js") && !strings.HasPrefix(name, "uPlot") {
			if found := forbidden.Find(asset.body); found != nil {
				t.Errorf("%s has %s", name, found)
			}
		}
	}
}
