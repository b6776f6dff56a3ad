package otlp

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

var (
	errHeaderPair   = errors.New("is not name=value")
	errHeaderName   = errors.New("has an invalid character in its name")
	errHeaderEscape = errors.New("has an invalid %-escape in its value")
	errHeaderValue  = errors.New("has an invalid character in its value")
)

// checkHeaders checks the headers of the options and of both variables, even if one overrides the other. The
// OpenTelemetry exporters read them anyway, and log what they cannot parse.
func (c config) checkHeaders(p Protocol) error {
	var errs []error
	for _, prefix := range []string{envPrefix, envMetricsPrefix} {
		errs = append(errs, checkHeaderVariable(lookup(prefix+"HEADERS"), p))
	}
	for _, name := range slices.Sorted(maps.Keys(c.headers)) {
		if err := checkHeader(name, c.headers[name], p); errors.Is(err, errHeaderName) {
			errs = append(errs, fmt.Errorf("WithHeaders: a header %w", err))
		} else if err != nil {
			errs = append(errs, fmt.Errorf("WithHeaders: header %q %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// headerValues returns the values of all headers that may be sent: those of the options and of both variables, which
// checkHeaders has checked.
func (c config) headerValues() (values []string) {
	for _, value := range c.headers {
		values = append(values, value)
	}
	for _, prefix := range []string{envPrefix, envMetricsPrefix} {
		for entry := range strings.SplitSeq(lookup(prefix+"HEADERS").value, ",") {
			_, value, _ := strings.Cut(entry, "=")
			if decoded, err := url.PathUnescape(value); err == nil {
				value = decoded
			}
			values = append(values, strings.TrimSpace(value))
		}
	}
	return values
}

// checkHeaderVariable identifies a bad entry by its position only, because the entry may be the token. An example is
// "Authorization: Bearer abc=" instead of "Authorization=Bearer abc=".
func checkHeaderVariable(v variable, p Protocol) error {
	if !v.isSet() {
		return nil
	}
	entries := strings.Split(v.value, ",")
	for i, entry := range entries {
		if err := checkHeaderEntry(entry, p); err != nil {
			return fmt.Errorf("%s: entry %d of %d %w: want name=value,name=value with values %%-escaped",
				v.name, i+1, len(entries), err)
		}
	}
	return nil
}

func checkHeaderEntry(entry string, p Protocol) error {
	name, value, found := strings.Cut(entry, "=")
	if !found {
		return errHeaderPair
	}
	value, err := url.PathUnescape(value)
	if err != nil {
		return errHeaderEscape
	}
	return checkHeader(strings.TrimSpace(name), strings.TrimSpace(value), p)
}

// checkHeader checks a header by the rules of its transport. Otherwise an invalid header would fail every request
// instead of NewReader.
func checkHeader(name, value string, p Protocol) error {
	nameMarks := "!#$%&'*+-.^_`|~"
	if p == ProtocolGRPC {
		nameMarks = "-_."
	}
	isName := func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(nameMarks, r)
	}
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !isName(r) }) {
		return errHeaderName
	}

	binary := p == ProtocolGRPC && strings.HasSuffix(strings.ToLower(name), "-bin")
	for i := 0; i < len(value) && !binary; i++ {
		b := value[i]
		printable := b >= ' ' && b != 0x7f && (b < 0x7f || p == ProtocolHTTP) || b == '\t' && p == ProtocolHTTP
		if !printable {
			return errHeaderValue
		}
	}
	return nil
}
