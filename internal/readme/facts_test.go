package readme

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// metricName matches documented names of metrics, but not those of recorded series, which begin with a level and a colon.
var metricName = regexp.MustCompile(`(?:^|[^\w:])(db_(?:pool|query)_[a-z_]*[a-z])\b`)

func TestMetricsInDocumentsExist(t *testing.T) {
	t.Parallel()
	exist := make(map[string]bool)
	for _, row := range catalogue.Rows() {
		exist[row.ExposedName()] = true
		for _, attr := range row.Attributes { // some labels look like metrics
			exist[catalogue.TranslatedLabel(attr.Key)] = true
		}
		if row.Kind == catalogue.Histogram {
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				exist[row.ExposedName()+suffix] = true
			}
		}
	}
	for _, name := range documents(t) {
		metrics := metricName.FindAllStringSubmatch(read(t, name), -1)
		if len(metrics) == 0 && slices.Contains(front, name) {
			t.Errorf("%s names no metric", name)
		}
		for _, metric := range metrics {
			if !exist[metric[1]] {
				t.Errorf("%s: there is no metric %s", name, metric[1])
			}
		}
	}
}

var (
	// command matches a call of make or go, in a block of commands or in the text. The call of go may name the
	// folder of a module.
	command  = regexp.MustCompile("(?m)(?:^\\$ |^|`)(make|go (?:-C (\\S+) )?run) ([^`\n#]*)")
	target   = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	variable = regexp.MustCompile(`^([A-Z]+)=`)
	flagName = regexp.MustCompile(`^-([a-z][a-z-]*)$`)
)

func TestCommandsInDocumentsExist(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	for _, name := range documents(t) {
		commands := command.FindAllStringSubmatch(read(t, name), -1)
		if len(commands) == 0 && slices.Contains(front, name) {
			t.Errorf("%s has no command", name)
		}
		for _, c := range commands {
			words := strings.Fields(c[3])
			switch {
			case len(words) == 0:
			case c[1] == "make":
				checkMake(t, name, makefile, words)
			default:
				checkRun(t, name, c[2], words)
			}
		}
	}
}

// checkMake checks the target and the variables of a call of make.
func checkMake(t *testing.T, name, makefile string, words []string) {
	t.Helper()
	if !target.MatchString(words[0]) || !strings.Contains(makefile, "\n"+words[0]+":") {
		t.Errorf("%s: there is no target %q", name, words[0])
	}
	for _, word := range words[1:] {
		if v := variable.FindStringSubmatch(word); v != nil && !strings.Contains(makefile, "\n"+v[1]+" ?=") {
			t.Errorf("%s: make has no variable %s", name, v[1])
		}
	}
}

// checkRun checks that the program of a go run exists, and that its usage lists the flags.
func checkRun(t *testing.T, name, module string, words []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, module, words[0], "*.go"))
	testutil.NoError(t, err)
	var text strings.Builder
	for _, file := range files {
		source, err := os.ReadFile(file)
		testutil.NoError(t, err)
		text.Write(source)
	}
	if !strings.Contains(text.String(), "\npackage main\n") {
		t.Errorf("%s: %s is not a program", name, words[0])
	}
	for _, word := range words[1:] {
		f := flagName.FindStringSubmatch(word)
		if f != nil && f[1] != "h" && !strings.Contains(text.String(), " -"+f[1]+" ") {
			t.Errorf("%s: %s has no flag -%s", name, words[0], f[1])
		}
	}
}

// Blocks contain neither headings nor links.
var (
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	link    = regexp.MustCompile(`\]\(([^):#]*)(?:#([^)]*))?\)`)
)

func TestLinksInDocumentsHaveTargets(t *testing.T) {
	t.Parallel()
	for _, name := range documents(t) {
		for _, l := range link.FindAllStringSubmatch(fenced.ReplaceAllString(read(t, name), ""), -1) {
			file, anchor := name, l[2]
			if l[1] != "" {
				file = path.Join(path.Dir(name), l[1])
			}
			if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(file))); err != nil {
				t.Errorf("%s: %v", name, err)
			} else if anchor != "" && !slices.Contains(anchors(read(t, file)), anchor) {
				t.Errorf("%s: %s has no section #%s", name, file, anchor)
			}
		}
	}
}

// anchors returns the link targets of a document's headings.
func anchors(text string) []string {
	var all []string
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		all = append(all, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, h[1]))
	}
	return all
}
