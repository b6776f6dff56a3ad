package stack_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// pinned matches an image with a full version or a digest.
var pinned = regexp.MustCompile(`^[a-z0-9./-]+(:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?|@sha256:[0-9a-f]{64})$`)

func TestComposePinsItsImages(t *testing.T) {
	t.Parallel()
	for name, service := range composeProject(t, nil).Services {
		images := []string{service.Image}
		if service.Build != nil {
			images = baseImages(t, service.Build)
		}
		for _, image := range images {
			if !pinned.MatchString(image) {
				t.Errorf("%s: image %q is not pinned", name, image)
			}
		}
		if len(images) == 0 {
			t.Errorf("%s has no image", name)
		}
	}
}

// baseImages returns the images that an image is built from.
func baseImages(t *testing.T, build *types.BuildConfig) []string {
	t.Helper()
	text := build.DockerfileInline
	if text == "" {
		file, err := os.ReadFile(filepath.Join(build.Context, build.Dockerfile))
		testutil.NoError(t, err)
		text = string(file)
	}
	var images, stages []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || !strings.EqualFold(fields[0], "FROM") {
			continue
		}
		if !slices.Contains(stages, fields[1]) {
			images = append(images, fields[1])
		}
		if len(fields) == 4 {
			stages = append(stages, fields[3])
		}
	}
	return images
}

func TestDemoImageHasAllSources(t *testing.T) {
	t.Parallel()
	ignore := stacktest.ReadShipped(t, "demo", "Dockerfile.dockerignore")
	root, err := programs.Root()
	testutil.NoError(t, err)
	list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if or .Main .Replace}}{{$.Dir}} {{.GoMod}}{{end}}{{end}}", "./demo")
	list.Dir = filepath.Join(root, "examples")
	out, err := list.Output()
	testutil.NoError(t, err)
	for _, path := range strings.Fields(string(out)) {
		rel, err := filepath.Rel(root, path)
		testutil.NoError(t, err)
		let := slices.ContainsFunc(strings.Fields(ignore), func(line string) bool {
			entry, ok := strings.CutPrefix(line, "!")
			return ok && (rel == entry || strings.HasPrefix(rel, entry+"/"))
		})
		if !let {
			t.Errorf("%s is excluded from the image", rel)
		}
	}
}
