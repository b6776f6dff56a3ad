package prometheus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// page is the answer to one scrape: metric families of unique names, and the errors met on the way. It keeps the first
// family of a name, and an error for families and series that conflict with it.
type page struct {
	families map[string]*dto.MetricFamily
	errs     []error
}

func newPage() *page {
	return &page{families: map[string]*dto.MetricFamily{}}
}

// addError keeps err unless it is nil.
func (p *page) addError(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// err returns all errors joined, or nil.
func (p *page) err() error { return errors.Join(p.errs...) }

// add adds families of the MeterProvider to the page. If several scopes have a metric of one name, all get the help
// text of the first.
func (p *page) add(families []*dto.MetricFamily) {
	for _, family := range families {
		p.put(family, false)
	}
}

// join adds families of another registry to the page. As in prometheus.Gatherers, families of one name must have one
// help text, and each series must have a value of its family's type.
func (p *page) join(families []*dto.MetricFamily) {
	for _, family := range families {
		if slices.ContainsFunc(family.GetMetric(), func(m *dto.Metric) bool { return !hasValue(m, family.GetType()) }) {
			p.addError(fmt.Errorf("prometheus: metric %q, from a joined registry, is left out: one of its series is not a %s",
				family.GetName(), typeName(family)))
			continue
		}
		p.put(family, true)
	}
}

// hasValue reports whether m, which may be nil, has a value of the type.
func hasValue(m *dto.Metric, kind dto.MetricType) bool {
	switch kind {
	case dto.MetricType_COUNTER:
		return m.GetCounter() != nil
	case dto.MetricType_GAUGE:
		return m.GetGauge() != nil
	case dto.MetricType_SUMMARY:
		return m.GetSummary() != nil
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		return m.GetHistogram() != nil
	default:
		return m.GetUntyped() != nil
	}
}

func (p *page) put(family *dto.MetricFamily, sameHelp bool) {
	if len(family.GetMetric()) == 0 {
		return
	}
	family = withoutBucketLabel(family)
	if help := family.GetHelp(); help != validText(help) { // Prometheus would reject the whole page
		family = cloneFamily(family)
		family.Help = new(validText(help))
	}
	name := family.GetName()
	present, taken := p.families[name]
	switch {
	case !taken:
		if other := p.collision(family); other != "" {
			p.addError(fmt.Errorf("prometheus: metric %q is left out: its name collides with the series of %q", name, other))
			return
		}
		p.families[name] = family
	case present.GetType() != family.GetType():
		p.addError(fmt.Errorf("prometheus: a second metric %q is left out: it is a %s and the first is a %s",
			name, typeName(family), typeName(present)))
	case sameHelp && present.GetHelp() != family.GetHelp():
		p.addError(fmt.Errorf("prometheus: a second metric %q, from a joined registry, is left out: its help text is %q "+
			"and the first's is %q", name, family.GetHelp(), present.GetHelp()))
	default:
		// Merge into a new family, because the caller may keep the old ones.
		merged := &dto.MetricFamily{Name: present.Name, Help: present.Help, Type: present.Type, Unit: present.Unit}
		merged.Metric = slices.Concat(present.Metric, family.Metric)
		p.addError(normalize(merged))
		p.families[name] = merged
	}
}

// collision returns the name of a family on the page whose series names collide with those of family, or "". Histograms
// and summaries add suffixes to the names of their series.
func (p *page) collision(family *dto.MetricFamily) string {
	name := family.GetName()
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, found := strings.CutSuffix(name, suffix); found && hasSuffixes(p.families[base], suffix) {
			return base
		}
		if _, taken := p.families[name+suffix]; taken && hasSuffixes(family, suffix) {
			return name + suffix
		}
	}
	return ""
}

// hasSuffixes reports whether family, which may be nil, has series with the suffix in their names.
func hasSuffixes(family *dto.MetricFamily, suffix string) bool {
	if family == nil {
		return false
	}
	switch family.GetType() {
	case dto.MetricType_HISTOGRAM, dto.MetricType_GAUGE_HISTOGRAM:
		return true
	case dto.MetricType_SUMMARY:
		return suffix != "_bucket"
	default:
		return false
	}
}

func typeName(family *dto.MetricFamily) string {
	return strings.ToLower(family.GetType().String())
}

// sorted returns the families in the order of their names.
func (p *page) sorted() []*dto.MetricFamily {
	families := make([]*dto.MetricFamily, 0, len(p.families))
	for _, name := range slices.Sorted(maps.Keys(p.families)) {
		families = append(families, p.families[name])
	}
	return families
}
