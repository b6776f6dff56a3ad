package instruments

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// The values of error.type other than a SQLSTATE. The set is closed: no text of an error becomes an attribute.
const (
	ErrorTypeTimeout    = "timeout"    // a deadline passed, the caller's or the network's
	ErrorTypeCanceled   = "canceled"   // the caller's context was canceled
	ErrorTypeRefused    = "refused"    // a connection could not be opened: nothing listens at the address
	ErrorTypeDNS        = "dns"        // a connection could not be opened: the name of the host was not resolved
	ErrorTypeTLS        = "tls"        // a connection could not be opened: TLS was refused, or a certificate
	ErrorTypeConnect    = "connect"    // a connection could not be opened for another reason
	ErrorTypeConnection = "connection" // a connection was lost, closed or busy
	ErrorTypeOther      = "_OTHER"
)

// Failure says how an operation failed. The zero value says that it did not.
type Failure struct {
	ErrorType string
	SQLState  bool // ErrorType is a SQLSTATE
}

// Failed reports whether the operation failed.
func (f Failure) Failed() bool { return f.ErrorType != "" }

// Attributes returns the attributes of a failure.
func (f Failure) Attributes() []attribute.KeyValue {
	attrs := []attribute.KeyValue{semconv.ErrorTypeKey.String(f.ErrorType)}
	if f.SQLState {
		attrs = append(attrs, semconv.DBResponseStatusCode(f.ErrorType))
	}
	return attrs
}
