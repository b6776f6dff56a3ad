package dashboard

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// datasource is the data source that the user selects.
var datasource = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

func datasourceVariable() cog.Builder[dashboard.VariableModel] {
	return dashboard.NewDatasourceVariableBuilder("datasource").
		Label("Data source").
		Type("prometheus")
}

// labelVariable returns a variable with one value of a label.
func labelVariable(name, label, series string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(datasource).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": "label_values(" + series + ", " + name + ")", "refId": name}}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortNaturalAsc)
}

// labelsVariable returns a variable with several values of a label. Its default is all values, and then series
// without that label are selected too.
func labelsVariable(name, label, series string) cog.Builder[dashboard.VariableModel] {
	return labelVariable(name, label, series).
		Multi(true).
		IncludeAll(true).
		AllValue(".*").
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}},
		})
}

// windowVariable returns the variable for the range of rates, see window.
func windowVariable() cog.Builder[dashboard.VariableModel] {
	return choice("window", "Rates over", "2m15s for scrapes and for pushes every minute. $__rate_interval follows the time shown, for scrapes alone.",
		"2m15s", "$__rate_interval", "15m15s", "1h15s")
}

// agoVariable returns the variable for the time with which the present is compared.
func agoVariable() cog.Builder[dashboard.VariableModel] {
	return choice("ago", "Compared with", "How long ago the time is with which the present is compared", "1h", "10m", "1d", "1w")
}

// choice returns a variable with one of several values, by default the first.
func choice(name, label, about string, values ...string) cog.Builder[dashboard.VariableModel] {
	all := strings.Join(values, ",")
	var options []dashboard.VariableOption
	for i, value := range values {
		options = append(options, dashboard.VariableOption{
			Selected: cog.ToPtr(i == 0),
			Text:     dashboard.StringOrArrayOfString{String: &value},
			Value:    dashboard.StringOrArrayOfString{String: &value},
		})
	}
	return dashboard.NewCustomVariableBuilder(name).
		Label(label).
		Description(about).
		Values(dashboard.StringOrMap{String: &all}).
		Options(options).
		Current(options[0])
}

// numberVariable returns a variable for a number that no metric has.
func numberVariable(name, label, about, number string) cog.Builder[dashboard.VariableModel] {
	return dashboard.NewTextBoxVariableBuilder(name).
		Label(label).
		Description(about).
		DefaultValue(dashboard.StringOrMap{String: &number}).
		Current(dashboard.VariableOption{
			Text:  dashboard.StringOrArrayOfString{String: &number},
			Value: dashboard.StringOrArrayOfString{String: &number},
		})
}
