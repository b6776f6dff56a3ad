package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestTroublesFollowQuietAndBusyPhases(t *testing.T) {
	t.Parallel()
	var names []string
	for _, p := range newPhases() {
		names = append(names, p.name)
	}
	if want := []string{"quiet", "busy", "quiet", "leak", "spike", "nested", "idle", "idletx", "tx"}; !slices.Equal(names, want) {
		t.Errorf("the phases are %v, want %v", names, want)
	}
}

func TestPhaseAnnouncesAndRequestsTrouble(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	made := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if name, found := strings.CutPrefix(r.URL.Path, "/trouble/"); found {
			mu.Lock()
			defer mu.Unlock()
			made[name]++
		}
	}))
	defer server.Close()
	traffic := newTraffic(server.URL)
	for i := range traffic.phases {
		traffic.phases[i].length = 300 * time.Millisecond
	}

	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	var running sync.WaitGroup
	running.Go(func() { traffic.run(ctx) })
	announced := map[string]int{}
	for round := range 2 {
		for i := range troubles {
			select {
			case got := <-traffic.started:
				if got != &troubles[i] {
					t.Errorf("round %d: %s is announced, want %s", round, got.name, troubles[i].name)
				}
				announced[got.name]++
			case <-ctx.Done():
				t.Fatalf("round %d: %s is not announced", round, troubles[i].name)
			}
		}
	}
	cancel()
	running.Wait()
	select {
	case more := <-traffic.started:
		announced[more.name]++
	default:
	}
	for _, trouble := range troubles {
		if n, want := made[trouble.name], announced[trouble.name]; n < want || n > want && trouble.again == 0 {
			t.Errorf("%s was made %d times and announced %d times", trouble.name, n, want)
		}
	}
}
