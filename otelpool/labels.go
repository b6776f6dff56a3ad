package otelpool

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// reserved are the labels of what otelpool records, and of what the exporters add.
var reserved = labelsOf(
	semconv.DBClientConnectionPoolNameKey, semconv.DBClientConnectionStateKey, semconv.DBSystemNameKey,
	semconv.DBQuerySummaryKey, semconv.DBResponseStatusCodeKey, semconv.ErrorTypeKey,
	"phase", "result", "reason", "kind",
	"base_size", "max_conns", "min_conns", "min_idle_conns",
	"max_conn_lifetime", "max_conn_lifetime_jitter", "max_conn_idle_time", "health_check_period",
	"pool", "operation", "le", "quantile", "otel.metric.overflow",
)

// serverReserved are the labels of what WithServerAttributes adds.
var serverReserved = labelsOf(semconv.DBNamespaceKey, semconv.ServerAddressKey, semconv.ServerPortKey)

// spanReserved are those of what only spans have.
var spanReserved = labelsOf(semconv.DBQueryTextKey, semconv.DBOperationNameKey, semconv.DBOperationBatchSizeKey, semconv.DBCollectionNameKey,
	semconv.DBResponseReturnedRowsKey)

// targetReserved are the labels that Prometheus sets on every series of a target. The Collector's page omits series
// that already have one.
var targetReserved = labelsOf("job", "instance")

// checkAttributes returns an error for each of the user's attributes that cannot be recorded beside otelpool's own.
// withServer and withSpans say whether the attributes of WithServerAttributes and of spans are among these.
func checkAttributes(attributes []attribute.KeyValue, withServer, withSpans bool) []error {
	var errs []error
	keys := make(map[string]attribute.Key) // by the label that a key becomes
	for _, kv := range attributes {
		label := labelOf(kv.Key)
		other, taken := keys[label]
		keys[label] = kv.Key
		switch {
		case strings.Trim(label, "_") == "":
			errs = append(errs, fmt.Errorf("otelpool: attribute %q has a key without letters or digits", string(kv.Key)))
		case kv.Value.Type() == attribute.EMPTY, kv.Value.Type() > attribute.STRINGSLICE:
			errs = append(errs, fmt.Errorf("otelpool: attribute %q has a value of type %v: use a bool, a number, a string, or a slice of these", string(kv.Key), kv.Value.Type()))
		case !utf8.ValidString(string(kv.Key)), !validText(kv.Value):
			errs = append(errs, fmt.Errorf("otelpool: attribute %q is not valid UTF-8", string(kv.Key)))
		case targetReserved[label]:
			errs = append(errs, fmt.Errorf("otelpool: attribute %q is a label that Prometheus sets on every series: use another key, "+
				"or the attributes service.name and service.instance.id of the resource", string(kv.Key)))
		case taken && other != kv.Key:
			errs = append(errs, fmt.Errorf("otelpool: attributes %q and %q become the same label in Prometheus, %s: use keys that differ in "+
				"letters or digits", string(other), string(kv.Key), label))
		case strings.HasPrefix(string(kv.Key), "__"), strings.HasPrefix(label, "otel_scope_"), reserved[label],
			(withServer || withSpans) && serverReserved[label], withSpans && spanReserved[label]:
			errs = append(errs, fmt.Errorf("otelpool: attribute %q is set by otelpool or its exporters: use another key", string(kv.Key)))
		}
	}
	return errs
}

// validText reports whether all strings of a value are UTF-8, as every exporter demands.
func validText(v attribute.Value) bool {
	switch v.Type() {
	case attribute.STRING:
		return utf8.ValidString(v.AsString())
	case attribute.STRINGSLICE:
		return !slices.ContainsFunc(v.AsStringSlice(), func(s string) bool { return !utf8.ValidString(s) })
	}
	return true
}

// labelOf returns the label that a key becomes in Prometheus, where each run of characters other than letters and digits
// becomes one _.
func labelOf(key attribute.Key) string {
	var label strings.Builder
	gap := false
	for _, c := range string(key) {
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			label.WriteRune(c)
			gap = false
		} else if !gap {
			label.WriteByte('_')
			gap = true
		}
	}
	return label.String()
}

func labelsOf(keys ...attribute.Key) map[string]bool {
	labels := make(map[string]bool)
	for _, key := range keys {
		labels[labelOf(key)] = true
	}
	return labels
}
