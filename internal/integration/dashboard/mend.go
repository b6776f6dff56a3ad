package dashboard

// mend changes in a dashboard what the builders get wrong: they know neither what Prometheus' data source makes of
// annotations nor what Grafana no longer has.
func mend(model map[string]any) {
	for _, annotation := range objects(model, "annotations", "list") {
		annotation["titleFormat"] = "{{alertname}}"
		annotation["textFormat"] = "{{job}} {{pool}} {{instance}} {{server}}"
		annotation["tagKeys"] = "severity"
	}
	for _, shown := range append(objects(model, "annotations", "list"), objects(model, "links")...) {
		delete(shown, "placement") // which would be a menu
	}
	for _, variable := range objects(model, "templating", "list") {
		for _, ofIntervals := range []string{"auto", "auto_min", "auto_count"} {
			delete(variable, ofIntervals)
		}
	}
	dropFooters(model)
}

// dropFooters takes from tables an option that they had once.
func dropFooters(model map[string]any) {
	for _, panel := range objects(model, "panels") {
		if options, ok := panel["options"].(map[string]any); ok && panel["type"] == "table" {
			delete(options, "footer")
		}
		dropFooters(panel)
	}
}

// objects are those of a list that is the last of the keys, each within the one before.
func objects(model map[string]any, keys ...string) []map[string]any {
	last := len(keys) - 1
	for _, key := range keys[:last] {
		model, _ = model[key].(map[string]any)
	}
	list, _ := model[keys[last]].([]any)
	var found []map[string]any
	for _, item := range list {
		if object, ok := item.(map[string]any); ok {
			found = append(found, object)
		}
	}
	return found
}
