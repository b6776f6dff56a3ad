package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Colors, by Grafana's names, so that they suit the light theme and the dark one. Green is what is well, blue what is
// neither good nor bad; yellow, orange and red are for what comes near a limit.
const (
	green  = "green"
	blue   = "blue"
	purple = "purple"
	yellow = "yellow"
	orange = "orange"
	red    = "red"
)

// legendTable lists the series below each other, with the given calculations.
func legendTable(calcs ...string) func(*timeseries.PanelBuilder) {
	return func(b *timeseries.PanelBuilder) {
		b.Legend(common.NewVizLegendOptionsBuilder().
			ShowLegend(true).
			DisplayMode(common.LegendDisplayModeTable).
			Placement(common.LegendPlacementBottom).
			Calcs(calcs))
	}
}

// legendBeside lists many series at the side, those with the greatest of a calculation first.
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

// stacked puts the series on top of each other, as parts of a whole.
func stacked(b *timeseries.PanelBuilder) {
	b.Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal).Group("A")).FillOpacity(50).LineWidth(0)
}

// steps draws a value that holds until the next one.
func steps(b *timeseries.PanelBuilder) {
	b.LineInterpolation(common.LineInterpolationStepAfter).FillOpacity(30)
}

// upTo fixes the upper end of the axis.
func upTo(top float64) func(*timeseries.PanelBuilder) {
	return func(b *timeseries.PanelBuilder) { b.Max(top) }
}

// whole keeps the axis from having fractions of what can only be counted.
func whole(b *timeseries.PanelBuilder) { b.Decimals(0) }

// limits draws lines at thresholds.
func limits(steps ...dashboard.Threshold) func(*timeseries.PanelBuilder) {
	return func(b *timeseries.PanelBuilder) {
		b.Thresholds(thresholds(steps...)).
			ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(common.GraphThresholdsStyleModeDashed))
	}
}

// line draws the series of a query, counted from 0, without filling what is below it; dashed if asked for.
func line(query int, dashed bool) func(*timeseries.PanelBuilder) {
	properties := []dashboard.DynamicConfigValue{{Id: "custom.fillOpacity", Value: 0}}
	if dashed {
		properties = append(properties, dashboard.DynamicConfigValue{
			Id: "custom.lineStyle", Value: map[string]any{"fill": "dash", "dash": []int{8, 6}},
		})
	}
	return func(b *timeseries.PanelBuilder) { b.OverrideByQuery(refID(query), properties) }
}
