package prometheus

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// encodedPage is a page in one format. It is kept compressed while clients read it, even for clients that do not accept
// compression: a page of 20 000 series takes over 20 MB as text, and a client may be slow. The zero value with accept
// set is an empty page; a filled one does not change.
type encodedPage struct {
	accept []string // the header Accept of the request

	status      int
	contentType string
	body        []byte
	zipped      bool // whether body is compressed
}

// fill sets the page to the answer of handler.
func (p *encodedPage) fill(handler http.Handler, query string) {
	request, err := http.NewRequest(http.MethodGet, "/?"+query, nil)
	if err != nil {
		return // never: query was encoded
	}
	request.Header["Accept"] = p.accept
	request.Header.Set("Accept-Encoding", "gzip")
	recorder := pageRecorder{header: http.Header{}, status: http.StatusOK}
	handler.ServeHTTP(&recorder, request)
	p.status, p.contentType = recorder.status, recorder.header.Get("Content-Type")
	p.body = bytes.Clone(recorder.body.Bytes()) // without the buffer's spare capacity
	p.zipped = recorder.header.Get("Content-Encoding") == "gzip"
}

// serve writes the page to a client.
func (p *encodedPage) serve(w http.ResponseWriter, acceptsGzip bool) error {
	if p.status == 0 {
		// A panic while the page was created; the error handler has it.
		http.Error(w, errNothingGathered.Error(), http.StatusInternalServerError)
		return nil
	}
	w.Header().Set("Content-Type", p.contentType)
	w.Header().Add("Vary", "Accept, Accept-Encoding") // for caches
	if p.zipped && !acceptsGzip {
		w.WriteHeader(p.status)
		return p.unzip(w)
	}
	if p.zipped {
		w.Header().Set("Content-Encoding", "gzip")
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
	w.WriteHeader(p.status)
	_, err := w.Write(p.body)
	return err
}

// unzip writes the uncompressed page to w.
func (p *encodedPage) unzip(w io.Writer) error {
	body, err := gzip.NewReader(bytes.NewReader(p.body))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, body)
	return err
}

// pageRecorder is an http.ResponseWriter that keeps the response.
type pageRecorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *pageRecorder) Header() http.Header { return r.header }

func (r *pageRecorder) WriteHeader(status int) { r.status = status }

func (r *pageRecorder) Write(b []byte) (int, error) { return r.body.Write(b) }

// acceptsGzip reports whether the client of r accepts gzip.
func acceptsGzip(r *http.Request) bool {
	all := false // whether "*" accepts gzip
	for _, value := range r.Header.Values("Accept-Encoding") {
		for entry := range strings.SplitSeq(strings.ToLower(value), ",") {
			name, parameter, _ := strings.Cut(entry, ";")
			_, weight, weighted := strings.Cut(parameter, "q=")
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			accepted := !weighted || err == nil && q > 0
			switch strings.TrimSpace(name) {
			case "gzip":
				return accepted
			case "*":
				all = accepted
			}
		}
	}
	return all
}
