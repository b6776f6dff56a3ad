package otlp

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

const (
	// hidden replaces what errors must not show.
	hidden = "[hidden]"
	// minHidden is the length from which a header value or a segment of a path is replaced by itself. A shorter one is
	// no secret, and replacing it would make the rest unreadable.
	minHidden = 4
)

// hidingExporter replaces the path of the URL and the header values in the errors of an exporter. Either may hold a
// token. The exporter puts the URL into its errors, and the receiver's answer, which may repeat the request.
type hidingExporter struct {
	sdkmetric.Exporter
	secrets *regexp.Regexp
}

func newHidingExporter(exporter sdkmetric.Exporter, s settings) hidingExporter {
	return hidingExporter{exporter, hiddenTexts(s.target.path, s.headerValues())}
}

func (e hidingExporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	return e.hide(e.Exporter.Export(ctx, rm))
}

func (e hidingExporter) ForceFlush(ctx context.Context) error {
	return e.hide(e.Exporter.ForceFlush(ctx))
}

func (e hidingExporter) Shutdown(ctx context.Context) error {
	return e.hide(e.Exporter.Shutdown(ctx))
}

func (e hidingExporter) hide(err error) error {
	if err == nil || e.secrets == nil {
		return err
	}
	return hiddenError{text: e.secrets.ReplaceAllLiteralString(err.Error(), hidden), err: err}
}

// hiddenError is an error with another text. It has no Unwrap, because the errors in it have the original text.
type hiddenError struct {
	text string
	err  error
}

func (e hiddenError) Error() string { return e.text }

// Is makes errors.Is find context.DeadlineExceeded and other causes.
func (e hiddenError) Is(target error) bool { return errors.Is(e.err, target) }

// runs matches the parts of a text that no escaping changes.
var runs = regexp.MustCompile(`[0-9A-Za-z_.~-]{6,}`)

// hiddenTexts returns an expression that matches the escaped path and the header values in any usual escaping, and the
// parts of them that would be recognized. It returns nil if there is nothing to hide.
func hiddenTexts(escapedPath string, values []string) *regexp.Regexp {
	var texts []string
	add := func(text string, least int) {
		if len(text) >= least {
			texts = append(texts, escapings(text)...)
		}
	}
	decodedPath := unescapePath(escapedPath)
	for _, path := range []string{escapedPath, decodedPath} {
		add(path, 2) // A path of only a slash says nothing.
		add(strings.TrimPrefix(path, "/"), minHidden)
		for segment := range strings.SplitSeq(path, "/") {
			if !strings.Contains(metricsPath, segment) {
				add(segment, minHidden)
			}
		}
	}
	for _, value := range values {
		add(value, minHidden)
		// The token alone, of a value such as "Bearer token".
		if _, token, found := strings.Cut(value, " "); found {
			value = token
			add(token, minHidden)
		}
		texts = append(texts, runs.FindAllString(value, -1)...)
	}
	if len(texts) == 0 {
		return nil
	}
	// The first alternative that matches wins.
	slices.SortFunc(texts, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), strings.Compare(a, b)) })
	for i, text := range texts {
		texts[i] = regexp.QuoteMeta(text)
	}
	return regexp.MustCompile("(?i)" + strings.Join(slices.Compact(texts), "|"))
}

// escapings returns text as the answer of a receiver may have it.
func escapings(text string) []string {
	inJSON, _ := json.Marshal(text)
	return []string{
		text,
		url.QueryEscape(text),
		url.PathEscape(text),
		html.EscapeString(text),
		strings.Trim(string(inJSON), `"`),
		strings.Trim(strconv.Quote(text), `"`),
		strings.TrimRight(base64.StdEncoding.EncodeToString([]byte(text)), "="),
		strings.TrimRight(base64.URLEncoding.EncodeToString([]byte(text)), "="),
	}
}
