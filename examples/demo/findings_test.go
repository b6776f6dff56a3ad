package main

import (
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// TestFrontPageShowsFindingOfTrouble causes the troubles whose finding does not depend on the traffic.
func TestFrontPageShowsFindingOfTrouble(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		trouble, operation, finding string
		again                       bool
	}{
		{"leak", "forget_to_release", "warning: leak: ", false},
		{"idletx", "wait_in_transaction", "warning: idle_in_transaction: ", false},
		{"tx", "forget_to_commit", "warning: transaction_open: ", true},
	} {
		t.Run(tt.trouble, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			if page := request(f.handler, "GET", "/").Body.String(); strings.Contains(page, tt.operation) || !strings.Contains(page, "<li>ok</li>") {
				t.Errorf("before the trouble: %s", page)
			}
			defer f.service.close()
			f.make(tt.trouble, http.StatusOK)
			testutil.Eventually(t, "the page has the finding", func() bool {
				if tt.again {
					f.make(tt.trouble, http.StatusOK)
				}
				page := html.UnescapeString(request(f.handler, "GET", "/").Body.String())
				_, below, _ := strings.Cut(page, `action="/trouble/`+tt.trouble+`"`)
				return strings.Contains(page, "<li>"+tt.finding) && strings.Contains(below, "<br><strong>"+tt.finding)
			})
		})
	}
}

func TestDemoServesPageOfPool(t *testing.T) {
	t.Parallel()
	f := setup(t)
	request(f.handler, "GET", "/users/7")
	for path, want := range map[string]string{"": "get_user_with_roles", "report.json": `"pool":"demo"`, "report.txt": "demo: "} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pool/"+path, nil)
		r.RemoteAddr, r.Host = "127.0.0.1:40000", "127.0.0.1:9464"
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: status %d, no %q in %s", path, w.Code, want, w.Body)
		}
	}
}

func TestTerminalPrintsFindingOnce(t *testing.T) {
	t.Parallel()
	leak := diagnose.Finding{Kind: diagnose.Leak, Severity: diagnose.Warning, Operation: "a", Summary: "One."}
	older := leak
	older.Summary = "Two."
	other := leak
	other.Operation = "b"
	var out strings.Builder
	var last diagnose.Finding
	for _, found := range [][]diagnose.Finding{nil, {leak}, {older, other}, {other}, nil, {leak}} {
		last = printFinding(&out, found, last)
	}
	const indent = "         "
	want := indent + "warning: leak: One.\n" + indent + "warning: leak: One.\n" + indent + "warning: leak: One.\n"
	testutil.Equal(t, "printed", out.String(), want)
}
