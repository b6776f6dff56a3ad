package otelpool

import (
	"context"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The values of error.type other than a SQLSTATE. The set is closed: no text of an error becomes an attribute.
const (
	errorTypeTimeout    = "timeout"    // a deadline passed, the caller's or the network's
	errorTypeCanceled   = "canceled"   // the caller's context was canceled
	errorTypeConnect    = "connect"    // a connection could not be made
	errorTypeConnection = "connection" // a connection was lost, closed or busy
	errorTypeOther      = "_OTHER"
)

// failure says how an operation failed.
type failure struct {
	errorType string
	sqlState  bool // errorType is a SQLSTATE
}

// classify tells whether err is a failure of the operation, and of what kind.
//
// No rows is an answer, not a failure, and so are the SQLSTATE classes 00 (success) and 01 (warning): the semantic
// conventions for PostgreSQL count "class 02 or higher" as errors. error.type is the SQLSTATE if there is one.
//
// An error is the user's own where a hook or a source of rows of theirs failed, and may panic when it is looked at.
func classify(err error) (f failure, failed bool) {
	defer func() {
		if recover() != nil {
			f, failed = failure{errorType: errorTypeOther}, true
		}
	}()
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return failure{}, false
	}
	if code, ok := sqlState(err); ok {
		return failure{errorType: code, sqlState: true}, code[:2] != "00" && code[:2] != "01"
	}
	return failure{errorType: errorType(err)}, true
}

// sqlState gives the five characters of a server's error, if they are what SQL says they must be.
func sqlState(err error) (string, bool) {
	pgErr, ok := err.(*pgconn.PgError) // pgx seldom wraps it, and the assertion is much cheaper than the search
	if !ok {
		pgErr, ok = errors.AsType[*pgconn.PgError](err)
	}
	if !ok || pgErr == nil || len(pgErr.Code) != 5 {
		return "", false
	}
	for _, c := range []byte(pgErr.Code) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') {
			return "", false
		}
	}
	return pgErr.Code, true
}

func errorType(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return errorTypeCanceled
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return errorTypeTimeout
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return errorTypeConnect
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return errorTypeConnection
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) {
		return errorTypeConnection
	}
	return errorTypeOther
}

// is reports whether err is target, and false if err panics.
func is(err, target error) (yes bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, target)
}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}
