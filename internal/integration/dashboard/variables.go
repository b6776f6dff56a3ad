package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// datasource is the data source that the user selects.
var datasource = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// datasourceVariable returns the variable for the Prometheus data source.
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
