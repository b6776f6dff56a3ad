package dashboard_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var boards = []string{"pool.json", "service.json"}

// board has the fields of a committed dashboard that the tests need.
type board struct {
	UID         string
	Title       string
	Description string
	Panels      []panel
	Templating  struct{ List []variable }
	Annotations struct{ List []annotation }
	Links       []struct{ URL string }
}

// panel is a panel, or a collapsed row and its panels.
type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	GridPos     struct{ X, Y, W, H int }
	Datasource  source
	Collapsed   bool
	Panels      []panel
	Targets     []query
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Custom     struct{ AxisLabel string }
			Min, Max   *float64
			Thresholds struct{ Steps []step }
		}
	}
	Options struct {
		Legend struct {
			DisplayMode string
		}
		GraphMode string
	}
}

type step struct {
	Value *float64
	Color string
}

type source struct{ Type, UID string }

type query struct {
	RefID        string
	Expr         string
	LegendFormat string
	Format       string
	Exemplar     bool
	Instant      bool
	Range        bool
	Datasource   source
}

type variable struct {
	Name       string
	Type       string
	Query      any
	Multi      bool
	IncludeAll bool
	AllValue   string
	Datasource source
	Current    struct{ Value any }
}

type annotation struct {
	Name        string
	Enable      bool
	TitleFormat string
	Target      query
}

func load(t *testing.T, name string) board {
	t.Helper()
	text := stacktest.ReadShipped(t, "grafana", name)
	var b board
	testutil.NoError(t, json.Unmarshal([]byte(text), &b))
	return b
}

func (b board) all() []panel {
	var all []panel
	for _, p := range b.Panels {
		if p.Type == "row" {
			all = append(all, p.Panels...)
		} else {
			all = append(all, p)
		}
	}
	return all
}

func (b board) panel(t *testing.T, title string) panel {
	t.Helper()
	for _, p := range b.all() {
		if p.Title == title {
			return p
		}
	}
	t.Fatalf("%s has no panel %q", b.Title, title)
	return panel{}
}

// everything replaces the variables: everything is selected, and the intervals fit a scrape every second.
var everything = strings.NewReplacer(
	"${datasource}", "prometheus",
	"$window", "10s",
	"$ago", "30s",
	"$__range", "60s",
	"$cluster", ".*", "$namespace", ".*",
	"$max_connections", "100",
	"$job", ".*", "$instance", ".*", "$pool", ".*", "$operation", ".*",
)
