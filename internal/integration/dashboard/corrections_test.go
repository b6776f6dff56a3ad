package dashboard

// correct corrects the JSON that the builders generate. They know neither the annotation fields of Prometheus' data
// source nor the options that Grafana has removed.
func correct(model map[string]any) {
	for _, annotation := range objects(model, "annotations", "list") {
		annotation["titleFormat"] = "{{alertname}}"
		annotation["textFormat"] = "{{job}} {{pool}} {{instance}} {{server}}"
		annotation["tagKeys"] = "severity"
	}
	for _, shown := range append(objects(model, "annotations", "list"), objects(model, "links")...) {
		delete(shown, "placement") // it would make a menu
	}
	for _, variable := range objects(model, "templating", "list") {
		for _, ofIntervals := range []string{"auto", "auto_min", "auto_count"} {
			delete(variable, ofIntervals)
		}
	}
	dropFooters(model)
}

// dropFooters removes an option that tables no longer have.
func dropFooters(model map[string]any) {
	for _, panel := range objects(model, "panels") {
		if options, ok := panel["options"].(map[string]any); ok && panel["type"] == "table" {
			delete(options, "footer")
		}
		dropFooters(panel)
	}
}

// objects returns the objects of a list. The keys are the path to the list.
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
