package readme

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

var testName = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")

func TestTestsInFaultsExist(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	for _, root := range []string{"../../otelpool", "../../exporters", ".."} {
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			code.Write(text)
			return err
		})
		testutil.NoError(t, err)
	}
	named := testName.FindAllStringSubmatch(read(t, "docs/faults.md"), -1)
	if len(named) < 20 {
		t.Errorf("docs/faults.md names only %d tests", len(named))
	}
	for _, match := range named {
		if !strings.Contains(code.String(), "\nfunc "+match[1]+"(") {
			t.Errorf("docs/faults.md: there is no %s", match[1])
		}
	}
}
