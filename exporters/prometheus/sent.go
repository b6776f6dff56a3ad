package prometheus

import (
	"hash/maphash"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// sent remembers the series that exporters have sent to registries. A registry passes all its collectors one new
// channel per page, so the channel identifies a page. Without sent, two exporters of the same pools would send the same
// series, and the registry would serve an error.
var sent sentPages

// maxSentPages is the number of pages that are remembered. It exceeds the number of simultaneous scrapes.
const maxSentPages = 16

type sentPages struct {
	mu    sync.Mutex // guards the fields below
	pages [maxSentPages]sentPage
	next  int // the page that is forgotten next
}

// sentPage holds which exporter sent each series to a channel.
type sentPage struct {
	channel chan<- prometheus.Metric
	senders map[uint64]string // IDs of exporters
}

var seriesSeed = maphash.MakeSeed()

// dropSent removes series from families that another exporter has sent to the channel, and returns the name of a metric
// with such a series, or "". The caller must send the rest.
func dropSent(channel chan<- prometheus.Metric, exporterID string, families []*dto.MetricFamily) (dropped string) {
	if exporterIDs.Load() < 2 {
		return ""
	}
	sent.mu.Lock()
	defer sent.mu.Unlock()
	senders := sent.senders(channel)
	for _, family := range families {
		family.Metric = slices.DeleteFunc(family.Metric, func(m *dto.Metric) bool {
			key := seriesKey(family.GetName(), m)
			if sender := senders[key]; sender != "" && sender != exporterID {
				dropped = family.GetName()
				return true
			}
			senders[key] = exporterID
			return false
		})
	}
	return dropped
}

// senders returns the senders of the page that is gathered from channel.
func (s *sentPages) senders(channel chan<- prometheus.Metric) map[uint64]string {
	for _, page := range s.pages {
		if page.channel == channel {
			return page.senders
		}
	}
	page := sentPage{channel: channel, senders: map[uint64]string{}}
	s.pages[s.next] = page
	s.next = (s.next + 1) % maxSentPages
	return page.senders
}

func seriesKey(name string, m *dto.Metric) uint64 {
	var hash maphash.Hash
	hash.SetSeed(seriesSeed)
	hash.WriteString(name)
	for _, label := range m.Label {
		hash.WriteByte(0xff) // in no name or value
		hash.WriteString(label.GetName())
		hash.WriteByte(0xff)
		hash.WriteString(label.GetValue())
	}
	return hash.Sum64()
}
