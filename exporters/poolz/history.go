package poolz

import "github.com/otelpool/otelpool-go/otelpool/diagnose"

// HistoryVersion is the version of a [History]. It changes when a field is removed or changes its meaning, not when one is
// added.
const HistoryVersion = 1

// History is the content of history.json.
type History struct {
	Version int           `json:"version"` // HistoryVersion
	Pools   []PoolHistory `json:"pools"`   // the pools of the Document of the same second
}

// PoolHistory is the last ten minutes of a pool.
type PoolHistory struct {
	Pool    string            `json:"pool"`
	Moments []diagnose.Moment `json:"moments"` // the oldest first; empty for a pool without hooks
}

// history returns the last ten minutes of the pools of a snapshot.
func (s *snapshot) history() History {
	h := History{Version: HistoryVersion, Pools: []PoolHistory{}}
	for _, p := range s.pools {
		moments := p.moments
		if moments == nil {
			moments = []diagnose.Moment{} // an empty list in JSON, not null
		}
		h.Pools = append(h.Pools, PoolHistory{Pool: p.Report.Pool, Moments: moments})
	}
	return h
}
