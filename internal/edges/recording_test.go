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
	recordingFile = "../../collector-config/prometheus/recording.yml"

	namesBegin = "  # names: made by go test ./internal/edges -update\n"
	namesEnd   = "  # names end\n"
)

func TestRecordingRulesMatchCatalogue(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(recordingFile)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begun := strings.Cut(string(content), namesBegin)
	section, after, ended := strings.Cut(rest, namesEnd)
	if !begun || !ended {
		t.Fatalf("%s lacks the lines %q and %q", recordingFile, namesBegin, namesEnd)
	}
	want := edges.RecordingGroup()
	switch {
	case section == want:
	case *update:
		if err := os.WriteFile(recordingFile, []byte(before+namesBegin+want+namesEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s differs from the catalogue: go test ./internal/edges -update\n%s", recordingFile, want)
	}
}

func TestEveryDocumentedSeriesHasOneRecordingRule(t *testing.T) {
	t.Parallel()
	var want []string
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
	for _, rule := range edges.RecordingRules() {
		got = append(got, rule.Record)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("recorded are\n%v, want\n%v", got, want)
	}
}

func TestRecordingRulesReadOpenTelemetryNames(t *testing.T) {
	t.Parallel()
	const tail = "unless on (job, instance, pool) "
	for record, want := range map[string][]string{
		"db_pool_checked_out": {
			`db_client_connection_count{db_client_connection_state="used"},`,
			"sum without (db_client_connection_pool_name, db_client_connection_state, otel_scope_name",
			`"pool", "$1", "db_client_connection_pool_name"`, tail + `db_pool_checked_out{otelpool_edge=""}`,
		},
		"db_pool_checked_in":                  {`db_client_connection_count{db_client_connection_state="idle"},`},
		"db_pool_size":                        {"pgxpool_size or on (job, instance, db_client_connection_pool_name) db_client_connection_max,"},
		"db_pool_timeouts_total":              {"db_client_connection_timeouts_total,"},
		"db_pool_acquire_phase_seconds_total": {"pgxpool_acquire_phase_time_seconds_total,"},
		"db_query_duration_seconds_bucket": {
			"db_client_operation_duration_seconds_bucket,", `"operation", "$1", "db_query_summary"`,
			tail + `db_query_duration_seconds_bucket{otelpool_edge=""}`,
		},
		"db_query_duration_seconds": {"db_client_operation_duration_seconds,"},
	} {
		rules := edges.RecordingRules()
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
