package dashboard

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Uids of the dashboards. Their links to each other use them.
const (
	poolUID    = "otelpool-pool"
	serviceUID = "otelpool-service"
)

const tag = "otelpool"

// Files returns the dashboards as JSON, by file name.
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

// newDashboard returns a dashboard with the settings that all have in common.
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

// linkTo returns a link to another dashboard, which keeps the time range and the selection.
func linkTo(uid, title, tooltip string) cog.Builder[dashboard.DashboardLink] {
	return dashboard.NewDashboardLinkBuilder(title).
		Type(dashboard.DashboardLinkTypeLink).
		Icon("dashboard").
		Url("/d/" + uid).
		Tooltip(tooltip).
		KeepTime(true).
		IncludeVars(true)
}

func row(b *dashboard.DashboardBuilder, id uint32, title string, panels ...cog.Builder[dashboard.Panel]) {
	b.WithRow(dashboard.NewRowBuilder(title).Id(id))
	for _, p := range panels {
		b.WithPanel(p)
	}
}

// collapsedRow adds a row whose panels are hidden until it is opened.
func collapsedRow(b *dashboard.DashboardBuilder, id uint32, title string, panels ...cog.Builder[dashboard.Panel]) {
	r := dashboard.NewRowBuilder(title).Id(id)
	for _, p := range panels {
		r.WithPanel(p)
	}
	b.WithRow(r)
}

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
	correct(model)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(model); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
