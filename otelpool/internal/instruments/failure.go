package instruments

// The values of error.type other than a SQLSTATE. The set is closed: no text of an error becomes an attribute.
const (
	ErrorTypeTimeout    = "timeout"    // a deadline passed, the caller's or the network's
	ErrorTypeCanceled   = "canceled"   // the caller's context was canceled
	ErrorTypeConnect    = "connect"    // a connection could not be opened
	ErrorTypeConnection = "connection" // a connection was lost, closed or busy
	ErrorTypeOther      = "_OTHER"
)

// Failure says how an operation failed.
type Failure struct {
	ErrorType string
	SQLState  bool // ErrorType is a SQLSTATE
}
