package edges_test

import (
	"slices"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/edges"
)

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
	for _, group := range slices.Concat(edges.RecordingGroups(), edges.NativeGroups()) {
		for _, rule := range group.Rules {
			got = append(got, rule.Record)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("recorded are\n%v, want\n%v", got, want)
	}
}
