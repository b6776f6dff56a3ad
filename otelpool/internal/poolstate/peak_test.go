package poolstate

import (
	"testing"
	"time"
)

func TestPeakCoversCurrentAndPreviousWindow(t *testing.T) {
	t.Parallel()
	p := peak{bucket: time.Minute}
	at := func(seconds int) time.Duration { return time.Duration(seconds) * time.Second }
	p.note(at(10), 3)
	p.note(at(20), 7)
	p.note(at(30), 5)
	for _, step := range []struct {
		seconds int
		want    int64
	}{{30, 7}, {59, 7}, {60, 7}, {119, 7}, {120, 0}, {200, 0}} {
		for range 2 { // reading resets nothing
			if got := p.read(at(step.seconds)); got != step.want {
				t.Errorf("at %d s: %d, want %d", step.seconds, got, step.want)
			}
		}
	}
	p.note(at(130), 2)
	p.note(at(190), 1)
	if got := p.read(at(190)); got != 2 {
		t.Errorf("at 190 s: %d, want that of the bucket before", got)
	}
	p.note(at(125), 9) // late, of a bucket that is still in the window
	if got := p.read(at(190)); got != 9 {
		t.Errorf("a late value is lost: %d", got)
	}
	p.note(at(30), 99) // too late
	if got := p.read(at(190)); got != 9 {
		t.Errorf("a value of long ago shows: %d", got)
	}
}
