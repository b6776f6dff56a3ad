package poolz_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/otelpool"
)

// The page belongs on the server of a program's other debugging pages.
func ExampleHandler() {
	var inst *otelpool.Instrumentation // of otelpool.New
	mux := http.NewServeMux()
	mux.Handle("/debug/pool/", poolz.Handler([]*otelpool.Instrumentation{inst}))

	server := httptest.NewServer(mux)
	defer server.Close()
	res, err := http.Get(server.URL + "/debug/pool/report.txt")
	if err != nil {
		log.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(string(body))
	// Output: no pool is registered
}

// On a server that others reach, say who may look.
func ExampleWithAccess() {
	isAdmin := func(r *http.Request) bool { // as the program does elsewhere
		_, password, ok := r.BasicAuth()
		return ok && password == "of the program's settings"
	}
	h := poolz.Handler(nil, poolz.WithAccess(isAdmin))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pool/", nil))
	fmt.Println(w.Code)
	// Output: 403
}
