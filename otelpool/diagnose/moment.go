package diagnose

import "time"

// Moment is what a pool is and does in one second, for plots.
type Moment struct {
	Time time.Time `json:"time"`

	// Connections, and acquires without one, as in a Report.
	Used              int64   `json:"used"`
	Idle              int64   `json:"idle"`
	Constructing      int64   `json:"constructing"`
	Closing           int64   `json:"closing"`
	Waiting           int64   `json:"waiting"`
	OldestWaitSeconds float64 `json:"oldest_wait_seconds"`

	// What has happened since the moment before, Seconds ago.
	Seconds         float64 `json:"seconds"`
	Acquires        int64   `json:"acquires"`         // that got a connection
	AcquireFailures int64   `json:"acquire_failures"` // that did not
	WaitedSeconds   float64 `json:"waited_seconds"`   // that acquires waited, in all
	Calls           int64   `json:"calls"`            // of operations
	CallFailures    int64   `json:"call_failures"`    // of them
	CallSeconds     float64 `json:"call_seconds"`     // that they took, in all
	Opened          int64   `json:"opened"`           // connections
	Closed          int64   `json:"closed"`
}
