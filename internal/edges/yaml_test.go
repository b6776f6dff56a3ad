package edges

import (
	"fmt"
	"strings"
)

// width is the longest line of a generated statement, unless one of its clauses is longer.
const width = 120

// yamlWriter writes processors of a Collector.
type yamlWriter struct {
	strings.Builder
}

// line writes a line of the file, indented by two spaces for each step of depth.
func (y *yamlWriter) line(depth int, format string, args ...any) {
	y.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(y, format, args...)
	y.WriteByte('\n')
}

func (y *yamlWriter) comment(depth int, lines ...string) {
	for _, text := range lines {
		y.line(depth, "# %s", text)
	}
}

// group writes the head of a group of statements that apply where the condition holds.
func (y *yamlWriter) group(condition string) {
	y.line(3, "- conditions:")
	y.statement(5, "%s", condition)
	y.line(4, "statements:")
}

// clauses puts a line break before the words of the transformation language that start a clause.
var clauses = strings.NewReplacer(" where ", "\nwhere ", " and ", "\nand ", " or ", "\nor ")

// statement writes a statement of the transformation language as an item of a list. It uses a form of YAML that needs
// no quotes and reads line breaks as spaces.
func (y *yamlWriter) statement(depth int, format string, args ...any) {
	y.line(depth, "- >-")
	room := width - 2*(depth+1)
	text := ""
	for clause := range strings.SplitSeq(clauses.Replace(fmt.Sprintf(format, args...)), "\n") {
		if text != "" && len(text)+1+len(clause) > room {
			y.line(depth+1, "%s", text)
			text = ""
		}
		text = strings.TrimPrefix(text+" "+clause, " ")
	}
	y.line(depth+1, "%s", text)
}
