package stack

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"go.yaml.in/yaml/v4"
)

// derive writes a copy of a Prometheus configuration with the changes of the settings and with absolute paths. It
// returns the path of the copy.
func derive(s PrometheusSettings) (string, error) {
	text, err := os.ReadFile(s.Config)
	if err != nil {
		return "", fmt.Errorf("stack: %w", err)
	}
	var config map[string]any
	if err := yaml.Unmarshal(text, &config); err != nil {
		return "", fmt.Errorf("stack: %s: %w", s.Config, err)
	}
	from, err := filepath.Abs(filepath.Dir(s.Config))
	if err != nil {
		return "", fmt.Errorf("stack: %w", err)
	}
	rules, _ := config["rule_files"].([]any)
	for i, rule := range rules {
		if path, ok := rule.(string); ok && !filepath.IsAbs(path) {
			rules[i] = filepath.Join(from, path)
		}
	}
	if s.Interval > 0 {
		setIntervals(config, s.Interval)
	}
	replaceTargets(config, s)
	// The stack has no Alertmanager, and must not send alerts to one that this machine may have.
	delete(config, "alerting")

	if text, err = yaml.Marshal(config); err != nil {
		return "", fmt.Errorf("stack: %w", err)
	}
	path := filepath.Join(s.Dir, "prometheus.yml")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", fmt.Errorf("stack: %w", err)
	}
	return path, nil
}

// setIntervals replaces the intervals of scrapes and evaluations.
func setIntervals(config map[string]any, interval time.Duration) {
	global, _ := config["global"].(map[string]any)
	if global == nil {
		global = map[string]any{}
		config["global"] = global
	}
	global["scrape_interval"], global["scrape_timeout"] = interval.String(), interval.String()
	global["evaluation_interval"] = interval.String()
	for _, scrape := range list(config["scrape_configs"]) {
		delete(scrape, "scrape_interval")
		delete(scrape, "scrape_timeout")
	}
}

// replaceTargets replaces the targets on the usual ports by the addresses of the stack's programs. It removes targets
// that the stack does not run.
func replaceTargets(config map[string]any, s PrometheusSettings) {
	ours := map[string]string{"8888": "", "8889": s.Collector, "9464": s.Service}
	for _, scrape := range list(config["scrape_configs"]) {
		for _, static := range list(scrape["static_configs"]) {
			targets, _ := static["targets"].([]any)
			kept := []any{}
			for _, target := range targets {
				text, _ := target.(string)
				_, port, _ := net.SplitHostPort(text)
				address, known := ours[port]
				if !known {
					address = text
				}
				if address != "" {
					kept = append(kept, address)
				}
			}
			static["targets"] = kept
		}
	}
}

func list(sequence any) []map[string]any {
	items, _ := sequence.([]any)
	var mappings []map[string]any
	for _, item := range items {
		if mapping, ok := item.(map[string]any); ok {
			mappings = append(mappings, mapping)
		}
	}
	return mappings
}
