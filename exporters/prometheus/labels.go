package prometheus

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
	"unique"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// labelSet holds the labels of an attribute set. It is read-only, because gatherings share it.
type labelSet struct {
	translated, documented []*dto.LabelPair
	state                  string
	overflow               bool // whether its series is the one above the cardinality limit
}

// newLabelSet returns the set of the given labels and of those of the resource.
func newLabelSet(labels, resource []*dto.LabelPair) *labelSet {
	set := &labelSet{translated: addLabels(labels, resource)}
	set.documented = documentedLabels(set.translated)
	for _, label := range set.translated {
		switch label.GetName() {
		case stateLabel:
			set.state = label.GetValue()
		case overflowLabel:
			set.overflow = true
		}
	}
	return set
}

// of returns the labels of a series for the row's metric, or nil if the series belongs to another row.
func (s *labelSet) of(row catalogue.Row) []*dto.LabelPair {
	switch row.State {
	case "":
		return s.documented
	case s.state:
		return slices.DeleteFunc(slices.Clone(s.documented), hasName(stateLabel))
	default:
		return nil
	}
}

// labelCache keeps the labels of this gathering and the last one. It is not safe for concurrent use.
type labelCache struct {
	resource   []*dto.LabelPair // of all series
	sets, last labelSets
}

type labelSets map[attribute.Distinct]*labelSet

// endGathering forgets the sets that the gathering did not use.
func (c *labelCache) endGathering() {
	c.last, c.sets = c.sets, c.last
	clear(c.sets)
}

var labelNamer otlptranslator.LabelNamer // with the defaults, as in the official exporter

// translateLabels returns the labels that the official exporter creates from attrs, or an error if it rejects them. It
// joins the values of attributes whose keys become the same label name.
func translateLabels(attrs *attribute.Set) ([]*dto.LabelPair, error) {
	values := map[string][]string{}
	for iter := attrs.Iter(); iter.Next(); {
		attr := iter.Attribute()
		name, err := labelNamer.Build(string(attr.Key))
		if err != nil {
			return nil, err
		}
		value := attr.Value.String()
		if strings.HasPrefix(name, "__") || !utf8.ValidString(value) {
			return nil, fmt.Errorf("the label %s=%q is reserved or not valid UTF-8", name, value)
		}
		values[name] = append(values[name], value)
	}
	labels := make([]*dto.LabelPair, 0, len(values))
	for name, all := range values {
		slices.Sort(all)
		name, value := unique.Make(name).Value(), strings.Join(all, ";")
		labels = append(labels, &dto.LabelPair{Name: &name, Value: &value})
	}
	sortLabels(labels)
	return labels, nil
}
