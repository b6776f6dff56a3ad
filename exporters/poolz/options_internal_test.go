package poolz

import (
	"strings"
	"testing"
)

func TestTracesAreLinks(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0af7651916cd43dd", 2)
	d := fullDocument("checkout", 1)
	hostile := `0af7651916cd43dd8448eb211c80319"`
	d.Pools[0].Report.Holds[0].TraceIDs = []string{id, hostile, "javascript:alert(1)"}
	for template, want := range map[string]string{
		"https://traces.example.com/trace/{trace_id}":          "https://traces.example.com/trace/" + id,
		"http://localhost:16686/trace/{trace_id}?a=b%20c&x=\"": "http://localhost:16686/trace/" + id + `?a=b%20c&amp;x=%22`,
		"https://[::1]/#/{trace_id}":                           "https://[::1]/#/" + id,
	} {
		text := page(t, d, WithTraceLink("wrong"), WithTraceLink(template))
		if !strings.Contains(text, `<li><a href="`+want+`" rel="noreferrer">`+id+`</a></li>`) {
			t.Errorf("%s: no link on the page:\n%s", template, text)
		}
		if strings.Count(text, `rel="noreferrer"`) != 1 || strings.Contains(text, "WithTraceLink") {
			t.Errorf("%s: more than the ID is a link, or the template is refused", template)
		}
	}
	if strings.Contains(page(t, d), "noreferrer") || strings.Contains(page(t, d, WithTraceLink("wrong"), WithTraceLink("")), "WithTraceLink") {
		t.Error("there is a link without a template")
	}
}

func TestPageReportsWrongTraceLink(t *testing.T) {
	t.Parallel()
	d := fullDocument("checkout", 1)
	d.Pools[0].Report.Holds[0].TraceIDs = []string{strings.Repeat("0", 32)}
	for _, template := range []string{
		"{trace_id}", "javascript:alert('{trace_id}')", "//host/{trace_id}", "/trace/{trace_id}", "https://host/trace", "https:///{trace_id}",
		"https://host/{trace_id}/{trace_id}", "https://{trace_id}.example.com/", "https://example.com:{trace_id}/", "https://user:secret@host/{trace_id}",
		"ftp://host/{trace_id}", "https://host\x00/{trace_id}", "https://host\\{trace_id}", " https://host/{trace_id}", "data:text/html,{trace_id}",
	} {
		text := page(t, d, WithTraceLink(template))
		if !strings.Contains(text, "the template of WithTraceLink is invalid") || strings.Contains(text, "noreferrer") || strings.Contains(text, "secret") {
			t.Errorf("%s: the page does not report the wrong template", template)
		}
	}
}
