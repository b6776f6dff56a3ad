package catalogue_test

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

func TestDocumentedNamesOfGuideAreUnchanged(t *testing.T) {
	t.Parallel()
	type source struct{ name, state string }
	guide := map[string]source{
		"db_pool_size":              {"pgxpool.size", ""},
		"db_pool_checked_out":       {"db.client.connection.count", "used"},
		"db_pool_checked_in":        {"db.client.connection.count", "idle"},
		"db_pool_overflow":          {"pgxpool.overflow", ""},
		"db_pool_num_overflow":      {"pgxpool.overflow.max", ""},
		"db_query_duration_seconds": {"db.client.operation.duration", ""},
	}
	for _, row := range catalogue.Rows() {
		want, ok := guide[row.Documented]
		if !ok {
			continue
		}
		if got := (source{row.Name, row.State}); got != want {
			t.Errorf("%s is %v, want %v", row.Documented, got, want)
		}
		if row.OptIn {
			t.Errorf("%s is off by default", row.Documented)
		}
		delete(guide, row.Documented)
	}
	if len(guide) > 0 {
		t.Errorf("missing: %v", guide)
	}
}

func TestEveryRowIsComplete(t *testing.T) {
	t.Parallel()
	for _, row := range catalogue.Rows() {
		if row.Unit == "" || row.Kind.String() == "unknown" || row.Kind.PrometheusType() == "untyped" {
			t.Errorf("%s: unit %q, kind %v", row.Name, row.Unit, row.Kind)
		}
		if !strings.HasSuffix(row.Meaning, ".") || !strings.HasSuffix(row.Worry, ".") {
			t.Errorf("%s: meaning %q, worry %q", row.Name, row.Meaning, row.Worry)
		}
		if !strings.HasSuffix(row.Description, ".") {
			t.Errorf("%s: description %q", row.Name, row.Description)
		}
		if (row.Documented == "") != (row.Help == "") {
			t.Errorf("%s: documented name %q, help %q", row.Name, row.Documented, row.Help)
		}
		if len(row.Attributes) == 0 || row.Attributes[0].Key != catalogue.AttrPool || row.Attributes[0].Presence != catalogue.Always {
			t.Errorf("%s: attributes %v do not begin with the pool's name", row.Name, row.Attributes)
		}
		for _, attribute := range row.Attributes {
			if attribute.Presence == "" || attribute.Key == catalogue.AttrState {
				t.Errorf("%s: attribute %v", row.Name, attribute)
			}
		}
	}
}

func TestNamesFollowPrometheus(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, row := range catalogue.Rows() {
		name := row.ExposedName()
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
		if strings.HasSuffix(name, "_total") != (row.Kind.PrometheusType() == "counter") {
			t.Errorf("%s is a %s", name, row.Kind.PrometheusType())
		}
		if strings.Contains(name, "_seconds") != (row.Unit == "s") {
			t.Errorf("%s has unit %s", name, row.Unit)
		}
	}
}

func TestRowsOfOneInstrumentDifferInStateOnly(t *testing.T) {
	t.Parallel()
	for _, row := range catalogue.Rows() {
		same := catalogue.Lookup(row.Name)
		states := map[string]bool{}
		for _, other := range same {
			states[other.State] = true
			if other.Kind != row.Kind || other.Unit != row.Unit || other.OptIn != row.OptIn {
				t.Errorf("%s differs between its rows", row.Name)
			}
		}
		if len(states) != len(same) || len(same) > 1 && states[""] {
			t.Errorf("%s has states %v in %d rows", row.Name, states, len(same))
		}
	}
	if rows := catalogue.Lookup("no.such.metric"); rows != nil {
		t.Errorf("got %v", rows)
	}
}

func TestSemconvNamesMatchConventions(t *testing.T) {
	t.Parallel()
	type instrument interface {
		Name() string
		Unit() string
		Description() string
	}
	conventions := map[string]instrument{}
	for _, i := range []instrument{
		dbconv.ClientConnectionCountObservable{}, dbconv.ClientConnectionCreateTime{}, dbconv.ClientConnectionIdleMaxObservable{},
		dbconv.ClientConnectionIdleMinObservable{}, dbconv.ClientConnectionMaxObservable{},
		dbconv.ClientConnectionPendingRequestsObservable{}, dbconv.ClientConnectionTimeouts{}, dbconv.ClientConnectionUseTime{},
		dbconv.ClientConnectionWaitTime{}, dbconv.ClientOperationDuration{}, dbconv.ClientResponseReturnedRows{},
	} {
		conventions[i.Name()] = i
	}
	for _, row := range catalogue.Rows() {
		i, ok := conventions[row.Name]
		if ok != strings.HasPrefix(row.Name, "db.") {
			t.Errorf("%s: of the conventions: %t", row.Name, ok)
		}
		if ok && (i.Unit() != row.Unit || i.Description() != row.Description) {
			t.Errorf("%s in %s, %q: the conventions have unit %s, %q", row.Name, row.Unit, row.Description, i.Unit(), i.Description())
		}
		if !ok && !strings.HasPrefix(row.Name, "pgxpool.") {
			t.Errorf("%s is neither the conventions' nor of our own namespace", row.Name)
		}
	}
}

func TestDocumentedMetricsHaveDocumentedLabels(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		catalogue.AttrPool:       "pool",
		catalogue.AttrOperation:  "operation",
		catalogue.AttrErrorType:  "error_type",
		catalogue.AttrStatusCode: "db_response_status_code",
		catalogue.AttrPhase:      "phase",
	}
	for key, want := range tests {
		if got := (catalogue.Attribute{Key: key}).Label(); got != want {
			t.Errorf("%s becomes %s, want %s", key, got, want)
		}
	}
	for _, row := range catalogue.Rows() {
		var labels []string
		for _, attribute := range row.Attributes {
			labels = append(labels, attribute.Label())
		}
		slices.Sort(labels)
		if len(slices.Compact(labels)) != len(row.Attributes) {
			t.Errorf("%s has labels %v", row.Name, labels)
		}
	}
}
