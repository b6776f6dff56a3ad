package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Uids of the dashboards, by which they link to each other.
const (
	poolUID    = "otelpool-pool"
	serviceUID = "otelpool-service"
)

// tag is what all dashboards of this project have.
const tag = "otelpool"

// Files gives the dashboards as JSON, by the name of their file.
func Files() (map[string][]byte, error) {
	files := make(map[string][]byte)
	for name, build := range map[string]func() *dashboard.DashboardBuilder{"pool.json": pool, "service.json": service} {
		text, err := encode(build())
		if err != nil {
			return nil, fmt.Errorf("dashboard: %s: %w", name, err)
		}
		files[name] = text
	}
	return files, nil
}

// newDashboard makes one that has what all have.
func newDashboard(uid, title, about string) *dashboard.DashboardBuilder {
	return dashboard.NewDashboardBuilder(title).
		Uid(uid).
		Description(about).
		Tags([]string{tag, "postgresql", "pgx"}).
		Timezone(common.TimeZoneBrowser).
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time("now-1h", "now").
		Refresh("30s").
		Editable()
}

// linkTo makes a link to another dashboard, which then shows the same time and the same selection.
func linkTo(uid, title, tooltip string) cog.Builder[dashboard.DashboardLink] {
	return dashboard.NewDashboardLinkBuilder(title).
		Type(dashboard.DashboardLinkTypeLink).
		Icon("dashboard").
		Url("/d/" + uid).
		Tooltip(tooltip).
		KeepTime(true).
		IncludeVars(true)
}

// row adds a row and its panels.
func row(b *dashboard.DashboardBuilder, id uint32, title string, panels ...cog.Builder[dashboard.Panel]) {
	b.WithRow(dashboard.NewRowBuilder(title).Id(id))
	for _, p := range panels {
		b.WithPanel(p)
	}
}

// collapsedRow adds a row that shows its panels when it is opened.
func collapsedRow(b *dashboard.DashboardBuilder, id uint32, title string, panels ...cog.Builder[dashboard.Panel]) {
	r := dashboard.NewRowBuilder(title).Id(id)
	for _, p := range panels {
		r.WithPanel(p)
	}
	b.WithRow(r)
}

// encode gives the JSON of a dashboard as it is kept in a file.
func encode(b *dashboard.DashboardBuilder) ([]byte, error) {
	built, err := b.Build()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(built)
	if err != nil {
		return nil, err
	}
	var model map[string]any
	if err := json.Unmarshal(text, &model); err != nil {
		return nil, err
	}
	mend(model)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(model); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
