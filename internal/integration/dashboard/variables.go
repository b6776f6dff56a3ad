package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// datasource is the one that the user chose.
var datasource = common.DataSourceRef{Type: cog.ToPtr("prometheus"), Uid: cog.ToPtr("${datasource}")}

// datasourceVariable is the Prometheus to ask.
func datasourceVariable() cog.Builder[dashboard.VariableModel] {
	return dashboard.NewDatasourceVariableBuilder("datasource").
		Label("Data source").
		Type("prometheus")
}

// labelVariable is one of the values that series have for a label.
func labelVariable(name, label, series string) *dashboard.QueryVariableBuilder {
	return dashboard.NewQueryVariableBuilder(name).
		Label(label).
		Datasource(datasource).
		Query(dashboard.StringOrMap{Map: map[string]any{"query": "label_values(" + series + ", " + name + ")", "refId": name}}).
		Refresh(dashboard.VariableRefreshOnTimeRangeChanged).
		Sort(dashboard.VariableSortNaturalAsc)
}

// labelsVariable is some of the values that series have for a label. At first it is all of them, and then series without
// that label are selected too.
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

// numberVariable is a number that no metric tells.
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
