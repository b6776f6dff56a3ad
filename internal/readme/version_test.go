package readme

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

var (
	release     = regexp.MustCompile(`(?m)^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$`)
	inTheMaking = regexp.MustCompile(`(?m)^To be released as (\S+)\.$`)
	ownModule   = regexp.MustCompile(`(?m)^\tgithub\.com/otelpool/otelpool-go\S* (v\S+)`)
)

// TestVersionMatchesChangelog compares Version with the release that the changelog announces, or else with its newest one.
func TestVersionMatchesChangelog(t *testing.T) {
	t.Parallel()
	changelog := read(t, "CHANGELOG.md")
	releases := release.FindAllStringSubmatch(changelog, -1)
	if len(releases) == 0 || releases[0][1] != "Unreleased" {
		t.Fatalf("the changelog has the sections %q, the first is not Unreleased", releases)
	}
	_, unreleased, _ := strings.Cut(changelog, releases[0][0])
	if len(releases) > 1 {
		unreleased, _, _ = strings.Cut(unreleased, releases[1][0])
	}
	var want string
	if announced := inTheMaking.FindStringSubmatch(unreleased); announced != nil {
		want = announced[1]
	} else if len(releases) > 1 {
		want = releases[1][1]
	}
	testutil.Equal(t, "Version, by the changelog", otelpool.Version, want)
}

func TestModulesRequireVersion(t *testing.T) {
	t.Parallel()
	found := 0
	for _, folder := range foldersWith(t, "go.mod") {
		for _, required := range ownModule.FindAllStringSubmatch(read(t, filepath.Join(folder, "go.mod")), -1) {
			found++
			if required[1] != "v"+otelpool.Version {
				t.Errorf("%s/go.mod has %q, want version %s", folder, strings.TrimSpace(required[0]), otelpool.Version)
			}
		}
	}
	if found < 5 {
		t.Errorf("%d requirements found", found)
	}
}
