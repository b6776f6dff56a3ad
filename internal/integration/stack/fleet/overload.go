package fleet

import (
	"fmt"
	"time"
)

// Overload returns the reason why a step exceeds the receivers' capacity, or "" if it does not.
func (s Step) Overload(interval time.Duration) string {
	switch {
	case s.Failed > 0:
		return fmt.Sprintf("%d of %d pushes failed, first: %v", s.Failed, s.Pushes, s.Failure)
	case !s.Up:
		return "Prometheus can no longer scrape the Collector"
	case s.Scrape > interval:
		return fmt.Sprintf("a scrape takes %v, more than the interval of %v", s.Scrape.Round(time.Millisecond), interval)
	case s.Late > interval/2:
		return fmt.Sprintf("pushes come %v late: the Collector takes them too slowly", s.Late.Round(time.Millisecond))
	case s.Rules > interval:
		return fmt.Sprintf("a group of rules takes %v, more than the interval of %v", s.Rules.Round(time.Millisecond), interval)
	}
	return ""
}
