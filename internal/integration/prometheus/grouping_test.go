package prometheus_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// environment lists the labels that distinguish pools of one job and name in two clusters or namespaces. Series without
// them are treated as if they were empty.
var environment = []string{"cluster", "namespace"}

func TestGroupingsKeepClusterAndNamespace(t *testing.T) {
	t.Parallel()
	for _, path := range ruleFiles {
		for _, g := range readRules(t, path).Groups {
			for _, r := range g.Rules {
				for _, labels := range groupings(t, r.Expr) {
					checkGrouping(t, r.Record+r.Alert, labels)
				}
			}
		}
	}
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(runbook(t), -1) {
		for _, labels := range regexp.MustCompile(`\b(?:by|on) \(([^)]*job[^)]*)\)`).FindAllStringSubmatch(block[1], -1) {
			checkGrouping(t, "the runbook", regexp.MustCompile(`\w+`).FindAllString(labels[1], -1))
		}
	}
}

func TestAlertmanagerKeepsClusterAndNamespace(t *testing.T) {
	t.Parallel()
	config := alertmanager(t)
	checkGrouping(t, "group_by of alertmanager.yml", config.Route.GroupByStr)
	if len(config.InhibitRules) == 0 {
		t.Error("alertmanager.yml has no inhibit rules")
	}
	for _, r := range config.InhibitRules {
		checkGrouping(t, "equal of alertmanager.yml", r.Equal)
	}
}

// checkGrouping reports labels that lack those of the environment. Services of several namespaces may share a database
// server, so a grouping by server, or of all servers of a cluster, may leave out the namespace.
func checkGrouping(t *testing.T, where string, labels []string) {
	t.Helper()
	if slices.Equal(labels, []string{"cluster", "server"}) || slices.Equal(labels, []string{"cluster"}) {
		return
	}
	for _, label := range environment {
		if !slices.Contains(labels, label) {
			t.Errorf("%s groups by %v, without %s", where, labels, label)
		}
	}
}

// groupings returns the labels of every by and on of an expression. An aggregation without labels has none.
func groupings(t *testing.T, expression string) [][]string {
	t.Helper()
	expr, err := promQL.ParseExpr(expression)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	var found [][]string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.AggregateExpr:
			if !n.Without {
				found = append(found, n.Grouping)
			}
		case *parser.BinaryExpr:
			if n.VectorMatching != nil && n.VectorMatching.On {
				found = append(found, n.VectorMatching.MatchingLabels)
			}
		}
		return nil
	})
	return found
}
