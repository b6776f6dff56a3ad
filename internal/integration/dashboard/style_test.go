package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Colors by Grafana's names, which suit the light and the dark theme. Green is good and blue is neutral. Yellow,
// orange and red mark values near a limit.
const (
	green  = "green"
	blue   = "blue"
	purple = "purple"
	yellow = "yellow"
	orange = "orange"
	red    = "red"
)

// legendTable lists the series below the graph, with the given calculations.
func legendTable(calcs ...string) func(*timeseries.PanelBuilder) {
	return func(b *timeseries.PanelBuilder) {
		b.Legend(common.NewVizLegendOptionsBuilder().
			ShowLegend(true).
			DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementBottom).
			Calcs(calcs))
	}
}

// legendBeside lists many series beside the graph, sorted by a calculation from the greatest.
func legendBeside(name, calc string) func(*timeseries.PanelBuilder) {
	return func(b *timeseries.PanelBuilder) {
		b.Legend(common.NewVizLegendOptionsBuilder().
			ShowLegend(true).
			DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementRight).
			Calcs([]string{calc}).
			SortBy(name).
			SortDesc(true))
	}
}

// stacked stacks the series as parts of a whole.
func stacked(b *timeseries.PanelBuilder) {
	b.Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A")).FillOpacity(50).LineWidth(0)
}

// steps draws a value as constant until the next one.
func steps(b *timeseries.PanelBuilder) {
	b.LineInterpolation(common.LineInterpolationStepAfter).FillOpacity(30)
}

func upTo(top float64) func(*timeseries.PanelBuilder) {
	return func(b *timeseries.PanelBuilder) { b.Max(top) }
}

// whole removes fractions from the axis of counts.
func whole(b *timeseries.PanelBuilder) { b.Decimals(0) }

func limits(steps ...dashboard.Threshold) func(*timeseries.PanelBuilder) {
	return func(b *timeseries.PanelBuilder) {
		b.Thresholds(thresholds(steps...)).
			ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
}

// line draws the series of a query, numbered from 0, without filling the area below it. The line is dashed if dashed
// is true.
func line(query int, dashed bool) func(*timeseries.PanelBuilder) {
	properties := []dashboard.DynamicConfigValue{{Id: "custom.fillOpacity", Value: 0}}
	if dashed {
		properties = append(properties, dashboard.DynamicConfigValue{
			Id: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{8, 6}},
		})
	}
	return func(b *timeseries.PanelBuilder) { b.OverrideByQuery(refID(query), properties) }
}
