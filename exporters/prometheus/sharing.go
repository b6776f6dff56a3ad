package prometheus

import (
	"context"
	"net/http"
	"net/url"
	"sync"

	"github.com/prometheus/common/expfmt"
)

// maxGatherings is the number of gatherings that run at the same time. With two, a pair of Prometheus servers that scrape at the
// same moment do not wait for each other.
const maxGatherings = 2

// sharer lets requests share gatherings. A request gets the values of a gathering that began after the request. If
// maxGatherings run already, it waits for the next one, which then answers every request that waits. No gathering waits
// for a client to read its page. A sharer is safe for concurrent use.
type sharer struct {
	// fill gathers once and fills the pages.
	fill func(map[pageKey]*encodedPage)

	mu      sync.Mutex // guards the fields below
	running int
	next    *gathering // nil if no request waits
}

// gathering is a gathering that has not begun, or has begun and is no longer the next one.
type gathering struct {
	pages   map[pageKey]*encodedPage // one for each kind of page that requests wait for
	waiting int                      // requests that still wait; guarded by the sharer's lock
	done    chan struct{}            // closed when the pages are filled
}

// pageKey identifies requests for the same page.
type pageKey struct {
	format expfmt.Format
	query  string
}

func newPageKey(r *http.Request) pageKey {
	key := pageKey{format: expfmt.NegotiateIncludingOpenMetrics(r.Header)}
	if names := r.URL.Query()["name[]"]; len(names) > 0 {
		key.query = url.Values{"name[]": names}.Encode()
	}
	return key
}

// page returns the page for r. It returns nil if ctx ends before.
func (s *sharer) page(ctx context.Context, r *http.Request) *encodedPage {
	g, page := s.join(r)
	select {
	case <-g.done:
		return page
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		g.waiting--
		return nil
	}
}

// join returns the gathering that answers r, and the page it will fill. It starts the gathering if it may.
func (s *sharer) join(r *http.Request) (*gathering, *encodedPage) {
	key := newPageKey(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		s.next = &gathering{pages: map[pageKey]*encodedPage{}, done: make(chan struct{})}
	}
	g := s.next
	g.waiting++
	page := g.pages[key]
	if page == nil {
		page = &encodedPage{accept: r.Header.Values("Accept")}
		g.pages[key] = page
	}
	if s.running < maxGatherings {
		s.running++
		s.next = nil
		go s.run(g)
	}
	return g, page
}

// run gathers for g, and then for the requests that wait meanwhile.
func (s *sharer) run(g *gathering) {
	for g != nil {
		if s.isAwaited(g) {
			s.fill(g.pages)
		}
		close(g.done)
		g = s.takeNext()
	}
}

// isAwaited reports whether a request still waits for g.
func (s *sharer) isAwaited(g *gathering) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return g.waiting > 0
}

// takeNext returns the next gathering, or nil if no request waits. The caller then ends.
func (s *sharer) takeNext() *gathering {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.next
	s.next = nil
	if g == nil {
		s.running--
	}
	return g
}
