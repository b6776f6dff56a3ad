package edges_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/edges"
)

const (
	namesBegin = "  # names: made by go test ./internal/edges -update\n"
	namesEnd   = "  # names end\n"
)

// ruleFiles maps the rule files with a generated part to the groups of that part.
var ruleFiles = map[string][]edges.Group{
	"../../collector-config/prometheus/recording.yml": edges.RecordingGroups(),
	"../../collector-config/prometheus/native.yml":    edges.NativeGroups(),
}

func TestRecordingRulesMatchCatalogue(t *testing.T) {
	t.Parallel()
	for path, groups := range ruleFiles {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, begun := strings.Cut(string(content), namesBegin)
		section, after, ended := strings.Cut(rest, namesEnd)
		if !begun || !ended {
			t.Fatalf("%s lacks the lines %q and %q", path, namesBegin, namesEnd)
		}
		want := edges.Groups(groups)
		switch {
		case section == want:
		case *update:
			if err := os.WriteFile(path, []byte(before+namesBegin+want+namesEnd+after), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s differs from the catalogue: go test ./internal/edges -update\n%s", path, want)
		}
	}
}

func TestEveryDocumentedSeriesHasOneRecordingRule(t *testing.T) {
	t.Parallel()
	want := []string{edges.PushedRecord}
	for _, row := range catalogue.Rows() {
		switch {
		case row.Documented == "":
		case row.Kind == catalogue.Histogram:
			for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
				want = append(want, row.Documented+suffix)
			}
		default:
			want = append(want, row.Documented)
		}
	}
	var got []string
	for _, rule := range rules() {
		got = append(got, rule.Record)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("recorded are\n%v, want\n%v", got, want)
	}
}

// rules returns the rules of all groups.
func rules() []edges.Rule {
	var all []edges.Rule
	for _, group := range slices.Concat(edges.RecordingGroups(), edges.NativeGroups()) {
		all = append(all, group.Rules...)
	}
	return all
}

func TestRecordingRulesReadOpenTelemetryNames(t *testing.T) {
	t.Parallel()
	const (
		tail  = "unless on (cluster, namespace, job, instance, pool) "
		scope = `otel_scope_name=~"|github.com/otelpool/otelpool-go/otelpool"`
		pool  = `db_client_connection_pool_name!=""`
	)
	for record, want := range map[string][]string{
		"db_pool_checked_out": {
			`db_client_connection_count{db_client_connection_state="used", ` + scope + `, ` + pool + `, db_system_name=~"|postgresql"}`,
			"max without (db_client_connection_pool_name, db_client_connection_state, otel_scope_name",
			`"pool", "$1", "db_client_connection_pool_name"`, tail + `db_pool_checked_out{otelpool_edge=""}`,
		},
		"db_pool_checked_in":                  {`db_client_connection_count{db_client_connection_state="idle", `},
		"db_pool_size":                        {"pgxpool_size{" + scope, `db_client_connection_max{` + pool + `, db_system_name=~"|postgresql"}`},
		"db_pool_timeouts_total":              {"db_client_connection_timeouts_total{"},
		"db_pool_acquires_total":              {"pgxpool_acquires_total{" + scope + ", " + pool + `, result!=""}`},
		"db_pool_acquire_phase_seconds_total": {"pgxpool_acquire_phase_time_seconds_total{"},
		"db_query_duration_seconds_bucket": {
			"db_client_operation_duration_seconds_bucket{", `"operation", "$1", "db_query_summary"`,
			tail + `db_query_duration_seconds_bucket{otelpool_edge=""}`,
		},
		"db_query_duration_seconds": {"db_client_operation_duration_seconds{", "sum without"},
	} {
		rules := rules()
		i := slices.IndexFunc(rules, func(r edges.Rule) bool { return r.Record == record })
		if i < 0 {
			t.Errorf("no rule records %s", record)
			continue
		}
		for _, part := range want {
			if !strings.Contains(rules[i].Expr, part) {
				t.Errorf("%s lacks %s:\n%s", record, part, rules[i].Expr)
			}
		}
	}
}
