package hostile

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestServersOfExamplesAndDocsHaveTimeouts reads the Go code that users copy: the packages and examples, and the code
// in Markdown and in comments of Go files. A server must limit the time of headers and of answers, because slow
// readers would occupy the bridge's places. The size of headers is limited by net/http.
func TestServersOfExamplesAndDocsHaveTimeouts(t *testing.T) {
	t.Parallel()
	root, err := programs.Root()
	testutil.NoError(t, err)
	servers := 0
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if name == "node_modules" || strings.HasPrefix(name, ".") && path != root || path == filepath.Join(root, "internal") {
				return fs.SkipDir
			}
			return nil
		case filepath.Ext(name) != ".md" && (filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") && !strings.Contains(name, "example")):
			return nil
		}
		text, err := os.ReadFile(path)
		found, problems := inspectServers(string(text))
		servers += found
		for _, problem := range problems {
			t.Errorf("%s: %s", path, problem)
		}
		return err
	})
	testutil.NoError(t, err)
	if servers < 3 { // those of the demo, of quickstart and of docs/recipes.md
		t.Errorf("%d servers found", servers)
	}
	recordFigure(t, "%d servers", servers)
}

var (
	withoutServer = regexp.MustCompile(`\bhttp\.(ListenAndServe|Serve)(TLS)?\(`)
	server        = regexp.MustCompile(`\bhttp\.Server\{`)
)

// inspectServers returns the number of servers in a text with Go code, and what is wrong with them.
func inspectServers(text string) (servers int, problems []string) {
	for _, call := range withoutServer.FindAllString(text, -1) {
		problems = append(problems, "a server without any time-out, by "+call)
	}
	for _, at := range server.FindAllStringIndex(text, -1) {
		servers++
		end, open := at[1], 1
		for ; end < len(text) && open > 0; end++ {
			switch text[end] {
			case '{':
				open++
			case '}':
				open--
			}
		}
		for _, field := range []string{"ReadHeaderTimeout:", "WriteTimeout:"} {
			if !strings.Contains(text[at[1]:end], field) {
				problems = append(problems, "a server without "+field)
			}
		}
	}
	return servers, problems
}
