package poolz

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Handler returns a handler that serves the page for the pools of insts. All links are relative, so any path that ends
// in a slash may be its root, with or without [http.StripPrefix]. A pool is on the page as soon as it is registered; a
// nil Instrumentation is ignored. The handler is safe for concurrent use.
func Handler(insts []*otelpool.Instrumentation, opts ...Option) http.Handler {
	c := newConfig(opts)
	for _, inst := range insts {
		inst.History() // starts the history; for pools that are registered later, the first snapshot does
	}
	h := &handler{access: c.access, snapshots: snapshots{insts: slices.Clone(insts), config: c}}
	if c.server != nil {
		h.server = &server{config: c.server}
	}
	return h
}

type handler struct {
	access    func(*http.Request) bool
	snapshots snapshots
	server    *server // nil without WithServerView
}

// Content types.
const (
	typeHTML = "text/html; charset=utf-8"
	typeText = "text/plain; charset=utf-8"
	typeJSON = "application/json"
)

// policy lets a browser load only what this handler serves. Only pages of the same origin may show it in a frame.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

const refusal = `poolz: refused: without WithAccess, only requests from this machine to localhost or a
loopback address are served, and none that a proxy has forwarded
`

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Content-Security-Policy", policy)
	switch {
	case !allows(h.access, r):
		send(w, r, http.StatusForbidden, typeText, []byte(refusal))
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		header.Set("Allow", "GET, HEAD")
		send(w, r, http.StatusMethodNotAllowed, typeText, []byte("poolz: method not allowed (valid: GET, HEAD)\n"))
	default:
		h.serve(w, r)
	}
}

// serve answers an allowed request by the last element of its path.
func (h *handler) serve(w http.ResponseWriter, r *http.Request) {
	switch file := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; file {
	case "":
		if folder, ok := folderOf(r); !ok { // relative links would not work
			w.Header().Set("Location", folder)
			send(w, r, http.StatusMovedPermanently, typeText, nil)
			return
		}
		h.render(w, r, typeHTML, file)
	case "report.json", "history.json":
		h.render(w, r, typeJSON, file)
	case "report.txt":
		h.render(w, r, typeText, file)
	default:
		if asset, ok := assets[file]; ok {
			send(w, r, http.StatusOK, asset.contentType, asset.body)
			return
		}
		send(w, r, http.StatusNotFound, typeText, []byte("poolz: not found (valid: report.json, history.json, report.txt, or the page, whose path ends in a slash)\n"))
	}
}

// folderOf reports whether the path that the client requested ends in a slash, as the page's must. If not, it returns
// the relative location of the path with a slash. It reads RequestURI, because a prefix may have been stripped from the
// URL.
func folderOf(r *http.Request) (relative string, ok bool) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path == "" || strings.HasSuffix(path, "/") {
		return "", true
	}
	return "./" + path[strings.LastIndexByte(path, '/')+1:] + "/", false
}

// render sends a file of the current snapshot, or the page. A panic during rendering must not reach the program.
func (h *handler) render(w http.ResponseWriter, r *http.Request, contentType, file string) {
	body, err := func() (body []byte, err error) {
		defer recoverTo(&err)
		s, f := h.snapshots.now(), form{file: file}
		if query := r.URL.Query(); file == "" {
			f.paused = query.Has("pause")
			if h.server != nil && query.Has("server") {
				f.server = h.server.ask(r.Context(), s.pools) // nil if the client is gone
			}
		}
		return s.in(f)()
	}()
	if err != nil {
		send(w, r, http.StatusInternalServerError, typeText, []byte("poolz: the report cannot be shown\n"))
		return
	}
	send(w, r, http.StatusOK, contentType, body)
}

// send writes a response whose body is complete.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // fails only if the client is gone
	}
}
