package diagnose

import "time"

// Moment is the state of a pool in one second, and what it did in that second, for plots.
type Moment struct {
	Time time.Time `json:"time"`

	// Connections, and acquires without one, as in a Report.
	Used              int64   `json:"used"`
	Idle              int64   `json:"idle"`
	Constructing      int64   `json:"constructing"`
	Closing           int64   `json:"closing"`
	Waiting           int64   `json:"waiting"`
	OldestWaitSeconds float64 `json:"oldest_wait_seconds"`

	// What has happened since the previous moment, which was Seconds ago.
	Seconds         float64 `json:"seconds"`
	Acquires        int64   `json:"acquires"`         // that got a connection
	AcquireFailures int64   `json:"acquire_failures"` // that did not
	WaitedSeconds   float64 `json:"waited_seconds"`   // total time of the acquires
	Calls           int64   `json:"calls"`            // calls of operations
	CallFailures    int64   `json:"call_failures"`    // calls that failed
	CallSeconds     float64 `json:"call_seconds"`     // total time of the calls
	Opened          int64   `json:"opened"`           // connections
	Closed          int64   `json:"closed"`
}
