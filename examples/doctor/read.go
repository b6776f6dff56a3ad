package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/printable"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

const (
	requestTimeout = 10 * time.Second
	maxDocument    = 16 << 20 // bytes, after decompression
	maxReason      = 300      // characters of what a server says
)

// read reads the document that the settings name.
func (p program) read(ctx context.Context, s settings) (poolz.Document, error) {
	switch {
	case s.url != nil:
		return p.fetch(ctx, s.url)
	case s.file == "-":
		return parse("the standard input", p.stdin)
	default:
		f, err := os.Open(s.file)
		if err != nil {
			return poolz.Document{}, err
		}
		defer f.Close()
		return parse(s.file, f)
	}
}

// fetch requests a document.
func (p program) fetch(ctx context.Context, u *url.URL) (poolz.Document, error) {
	status, body, err := fetch.Get(ctx, p.client, u, "application/json", maxDocument)
	if err != nil {
		return poolz.Document{}, err
	}
	if status != http.StatusOK {
		reason := printable.Text(strings.Join(strings.Fields(string(body)), " "), maxReason)
		if status == http.StatusNotFound {
			reason += " (valid: the address of the live page, with its last slash, or of its report.json)"
		}
		return poolz.Document{}, fmt.Errorf("%s: status %d: %s", fetch.Redacted(u), status, reason)
	}
	return parse(fetch.Redacted(u), bytes.NewReader(body))
}

// parse parses a document, and checks that its versions are known.
func parse(from string, r io.Reader) (poolz.Document, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return poolz.Document{}, fmt.Errorf("%s: read the report: %w", from, err)
	}
	if len(text) > maxDocument {
		return poolz.Document{}, fmt.Errorf("%s: the report is longer than %d MiB", from, maxDocument>>20)
	}
	var versions struct {
		Version int
		Pools   []struct{ Report struct{ Version int } }
	}
	if err := json.Unmarshal(text, &versions); err != nil {
		return poolz.Document{}, notReport(from, err)
	}
	if versions.Version != poolz.Version {
		return poolz.Document{}, fmt.Errorf("%s: unknown version %d of the document (valid: %d)", from, versions.Version, poolz.Version)
	}
	for _, pool := range versions.Pools {
		if v := pool.Report.Version; v != diagnose.ReportVersion {
			return poolz.Document{}, fmt.Errorf("%s: unknown version %d of a report (valid: %d)", from, v, diagnose.ReportVersion)
		}
	}
	var d poolz.Document
	if err := json.Unmarshal(text, &d); err != nil {
		return poolz.Document{}, notReport(from, err)
	}
	return d, nil
}

// notReport is the error of a text that is not a report.json. The parser's error may quote any part of the text.
func notReport(from string, err error) error {
	return fmt.Errorf("%s: not a report.json, which exporters/poolz serves below its page, such as at /debug/pool/report.json: %s",
		from, printable.Text(err.Error(), maxReason))
}
