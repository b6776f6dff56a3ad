package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/gauge"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Units of values. Grafana writes a unit that it does not know behind the number.
const (
	percent     = "percent"
	share       = "percentunit"
	seconds     = "s"
	yesNo       = "bool_yes_no"
	connections = "connections"
	callers     = "callers"
	operation   = "operations"
	instances   = "instances"
	number      = "short"
	text        = "string" // for labels that look like numbers
	perSecond   = "/s"
	times       = "×"
)

// words says units beside an axis that mean the same at every size.
var words = map[string]string{
	connections: connections, callers: callers, operation: operation, instances: instances, perSecond: "per second",
}

// panel has the settings that panels of all kinds have in common. Links contain its id, so the id must never change.
type panel struct {
	id            uint32
	title, about  string
	unit          string
	width, height uint32
	from          selector
	targets       []target
}

func (p panel) timeSeries(styles ...func(*timeseries.PanelBuilder)) cog.Builder[dashboard.Panel] {
	unit, label := p.unit, words[p.unit]
	if label != "" { // said once, beside the axis, and not at each of its numbers
		unit = number
	}
	b := timeseries.NewPanelBuilder().
		Id(p.id).Title(p.title).Description(p.about).Unit(unit).AxisLabel(label).Span(p.width).Height(p.height).
		Datasource(datasource).
		Targets(p.from.queries(p.targets, false)).
		Min(0).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassic)).
		LineWidth(1).
		FillOpacity(10).
		ShowPoints(common.VisibilityModeNever).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending)).
		Legend(common.NewVizLegendOptionsBuilder().
			ShowLegend(true).
			DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom))
	for i, t := range p.targets {
		if t.color != "" {
			b.OverrideByQuery(refID(i), []dashboard.DynamicConfigValue{shades(t.color)})
		}
	}
	for _, style := range styles {
		style(b)
	}
	return b
}

func shades(color string) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: "color", Value: map[string]any{"mode": "shades", "fixedColor": color}}
}

func (p panel) number(steps ...dashboard.Threshold) cog.Builder[dashboard.Panel] {
	return stat.NewPanelBuilder().
		Id(p.id).Title(p.title).Description(p.about).Unit(p.unit).Span(p.width).Height(p.height).
		Datasource(datasource).
		Targets(p.from.queries(p.targets, true)).
		Min(0).
		Thresholds(thresholds(steps...)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		ColorMode(common.BigValueColorModeValue).
		GraphMode(common.BigValueGraphModeNone).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(last())
}

// gauge returns the panel as a dial from 0 to 100 for each series.
func (p panel) gauge(steps ...dashboard.Threshold) cog.Builder[dashboard.Panel] {
	return gauge.NewPanelBuilder().
		Id(p.id).Title(p.title).Description(p.about).Unit(p.unit).Span(p.width).Height(p.height).
		Datasource(datasource).
		Targets(p.from.queries(p.targets, true)).
		Min(0).
		Max(100).
		Decimals(0).
		Thresholds(thresholds(steps...)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		ShowThresholdMarkers(true).
		Orientation(common.VizOrientationAuto).
		ReduceOptions(last())
}

// last reduces a series to its last value.
func last() cog.Builder[common.ReduceDataOptions] {
	return common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("").Values(false)
}

// thresholds returns thresholds that start with green and change to the color of each step.
func thresholds(steps ...dashboard.Threshold) cog.Builder[dashboard.ThresholdsConfig] {
	return dashboard.NewThresholdsConfigBuilder().
		Mode(dashboard.ThresholdsModeAbsolute).
		Steps(append([]dashboard.Threshold{{Color: green}}, steps...))
}

func step(from float64, color string) dashboard.Threshold {
	return dashboard.Threshold{Value: &from, Color: color}
}

// usageSteps returns the thresholds of the older SQLAlchemy guide: yellow from 70 %, red from 90 %.
func usageSteps() []dashboard.Threshold {
	return []dashboard.Threshold{step(70, yellow), step(90, red)}
}
