package otlp

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	// hidden replaces secrets in errors.
	hidden = "[hidden]"
	// minHidden is the minimum length of a header value or a part of a path that is hidden. Hiding shorter ones would
	// make the rest unreadable.
	minHidden = 4
)

// runs matches the parts of a text that no escaping changes.
var runs = regexp.MustCompile(`[0-9A-Za-z_.~-]{6,}`)

// newHider returns a function that hides the path and the header values in an error of an exporter. Either may hold a
// token. The exporter's errors contain the URL and the receiver's answer, which may repeat the request. The function
// hides the texts in any usual escaping, and recognizable parts of them.
func newHider(path *url.URL, headers map[string]string) func(error) error {
	var forms []string
	hide := func(least int, texts ...string) {
		for _, text := range texts {
			if len(text) >= least {
				forms = append(forms, escapings(text)...)
			}
		}
	}
	paths, values := []string{path.EscapedPath(), path.Path}, slices.Collect(maps.Values(headers))
	hide(2, paths...) // A path of only a slash says nothing.
	hide(minHidden, values...)
	for _, text := range slices.Concat(paths, values) {
		_, token, _ := strings.Cut(text, " ") // of a value such as "Bearer token"
		segments := strings.Split(text, "/")
		for _, part := range slices.Concat([]string{token, strings.TrimPrefix(text, "/")}, segments, runs.FindAllString(text, -1)) {
			if !strings.Contains(metricsPath, part) {
				hide(minHidden, part)
			}
		}
	}
	// The first alternative that matches wins.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for i, form := range forms {
		forms[i] = regexp.QuoteMeta(form)
	}
	secrets := regexp.MustCompile("(?i)" + strings.Join(forms, "|"))
	return func(err error) error {
		if err == nil || len(forms) == 0 {
			return err
		}
		return hiddenError{secrets.ReplaceAllLiteralString(err.Error(), hidden), err}
	}
}

// escapings returns the forms in which an answer may contain text.
func escapings(text string) []string {
	inJSON, _ := json.Marshal(text)
	return []string{
		text, url.QueryEscape(text), url.PathEscape(text), html.EscapeString(text),
		strings.Trim(string(inJSON), `"`), strings.Trim(strconv.Quote(text), `"`),
		base64.RawStdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text)),
	}
}

// hiddenError is an error with another text. It has no Unwrap, because the errors in it have the original text.
type hiddenError struct {
	text string
	err  error
}

func (e hiddenError) Error() string { return e.text }

// Is makes errors.Is find context.DeadlineExceeded and other causes.
func (e hiddenError) Is(target error) bool { return errors.Is(e.err, target) }
