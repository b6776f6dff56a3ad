package prometheus

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// page is what one scrape is answered with: metric families of unique names, and the errors met on the way. What comes
// first is kept, what does not fit beside it is left out and noted.
type page struct {
	families map[string]*dto.MetricFamily
	errs     []error
}

func newPage() *page {
	return &page{families: map[string]*dto.MetricFamily{}}
}

// note keeps an error; nil is ignored.
func (p *page) note(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

// err returns all errors noted as one, or nil.
func (p *page) err() error { return errors.Join(p.errs...) }

// add puts families of the MeterProvider on the page. Where several scopes have a metric of one name, the first one's
// help text is used for all.
func (p *page) add(families []*dto.MetricFamily) {
	for _, family := range families {
		p.put(family, false)
	}
}

// join puts families of another registry on the page. As in prometheus.Gatherers, those of one name must have one help
// text, and each series a value of its family's type.
func (p *page) join(families []*dto.MetricFamily) {
	for _, family := range families {
		if slices.ContainsFunc(family.GetMetric(), func(m *dto.Metric) bool { return !hasValue(m, family.GetType()) }) {
			p.note(fmt.Errorf("prometheus: metric %q, from a joined registry, is left out: a series of it is no %s",
				family.GetName(), typeName(family)))
			continue
		}
		p.put(family, true)
	}
}

// hasValue tells whether m, which may be nil, has a value of the type.
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
	name := family.GetName()
	present, taken := p.families[name]
	switch {
	case !taken:
		if other := p.clash(family); other != "" {
			p.note(fmt.Errorf("prometheus: metric %q is left out: the series of %q have such names", name, other))
			return
		}
		p.families[name] = family
	case present.GetType() != family.GetType():
		p.note(fmt.Errorf("prometheus: a second metric %q is left out: it is a %s and the first is a %s",
			name, typeName(family), typeName(present)))
	case sameHelp && present.GetHelp() != family.GetHelp():
		p.note(fmt.Errorf("prometheus: a second metric %q, from a joined registry, is left out: its help text is %q "+
			"and the first's is %q", name, family.GetHelp(), present.GetHelp()))
	default:
		// A new family, since either may belong to someone else.
		merged := &dto.MetricFamily{Name: present.Name, Help: present.Help, Type: present.Type, Unit: present.Unit}
		merged.Metric = slices.Concat(present.Metric, family.Metric)
		p.note(normalize(merged))
		p.families[name] = merged
	}
}

// clash returns the name of a family on the page that has, or would get, series under the same name as family because
// of the suffixes that histograms and summaries have.
func (p *page) clash(family *dto.MetricFamily) string {
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

// hasSuffixes tells whether family, which may be nil, has series named by suffix.
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

// sorted returns the families by name.
func (p *page) sorted() []*dto.MetricFamily {
	families := make([]*dto.MetricFamily, 0, len(p.families))
	for _, name := range slices.Sorted(maps.Keys(p.families)) {
		families = append(families, p.families[name])
	}
	return families
}
