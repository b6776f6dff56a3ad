package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// column is a column of a table: a label of the series, or the value of a query.
type column struct {
	source, title, unit string
	width               int // in pixels; 0 to share what is left
	steps               []dashboard.Threshold
}

// rows returns the panel as a table with a row for each set of labels. The queries must return the same labels. The
// columns are in order.
func (p panel) rows(sortBy string, columns ...column) cog.Builder[dashboard.Panel] {
	b := table.NewPanelBuilder().
		Id(p.id).Title(p.title).Description(p.about).Unit(p.unit).Span(p.width).Height(p.height).
		Datasource(datasource).
		Targets(p.from.queries(p.targets, true)).
		ShowHeader(true).
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}})
	index, names := map[string]any{}, map[string]any{}
	for i, c := range columns {
		source := c.source
		if c.unit != "" {
			source = "Value #" + c.source
			if len(p.targets) == 1 { // then Grafana does not number it
				source = "Value"
			}
		}
		index[source], names[source] = i, c.title
	}
	b.WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
		"excludeByName": map[string]any{"Time": true}, "indexByName": index, "renameByName": names,
	}})
	b.WithTransformation(dashboard.DataTransformerConfig{Id: "sortBy", Options: map[string]any{
		"fields": map[string]any{}, "sort": []any{map[string]any{"field": sortBy, "desc": true}},
	}})
	for _, c := range columns {
		if c.unit != "" || c.width != 0 {
			b.OverrideByName(c.title, c.properties())
		}
	}
	return b
}

// properties returns the display settings of a column.
func (c column) properties() []dashboard.DynamicConfigValue {
	var properties []dashboard.DynamicConfigValue
	if c.unit != "" {
		properties = append(properties, dashboard.DynamicConfigValue{Id: "unit", Value: c.unit})
	}
	if c.width != 0 {
		properties = append(properties, dashboard.DynamicConfigValue{Id: "custom.width", Value: c.width})
	}
	if len(c.steps) == 0 {
		return properties
	}
	return append(properties,
		dashboard.DynamicConfigValue{Id: "thresholds", Value: map[string]any{
			"mode": "absolute", "steps": append([]dashboard.Threshold{{Color: "text"}}, c.steps...),
		}},
		dashboard.DynamicConfigValue{Id: "custom.cellOptions", Value: map[string]any{"type": "color-text"}},
	)
}
