package otelpool

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/reason"
)

// classify returns the kind of failure that err is, and reports whether it is a failure of the operation.
//
// No rows is an answer, not a failure, and so are the SQLSTATE classes 00 (success) and 01 (warning): the semantic
// conventions for PostgreSQL count "class 02 or higher" as errors. error.type is the SQLSTATE if there is one.
//
// It recovers because the methods of an error from a user's hook or CopyFromSource may panic.
func classify(err error) (f instruments.Failure, failed bool) {
	defer func() {
		if recover() != nil {
			f, failed = instruments.Failure{ErrorType: instruments.ErrorTypeOther}, true
		}
	}()
	if err == nil || errors.Is(err, pgx.ErrNoRows) {
		return instruments.Failure{}, false
	}
	if code, ok := reason.SQLState(err); ok {
		return instruments.Failure{ErrorType: code, SQLState: true}, code[:2] != "00" && code[:2] != "01"
	}
	return instruments.Failure{ErrorType: errorType(err)}, true
}

// failureOf returns the failure that err is, or the zero Failure if it is none. A Failure has nothing of the error's
// text, which may quote values.
func failureOf(err error) instruments.Failure {
	if err == nil {
		return instruments.Failure{}
	}
	if f, failed := classify(err); failed {
		return f
	}
	return instruments.Failure{}
}

func errorType(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return instruments.ErrorTypeCanceled
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return instruments.ErrorTypeTimeout
	}
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return connectErrorType(connect)
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return instruments.ErrorTypeConnection
	}
	lost := func(target error) bool { return errors.Is(err, target) }
	if slices.ContainsFunc(connectionLost[:], lost) || pgconn.SafeToRetry(err) {
		return instruments.ErrorTypeConnection
	}
	return instruments.ErrorTypeOther
}

// connectErrorType returns why a connection could not be opened, before the server answered.
func connectErrorType(err error) string {
	switch {
	case consistsOf(err, isDNS):
		return instruments.ErrorTypeDNS
	case refusesTLS(err), consistsOf(err, isTLS):
		return instruments.ErrorTypeTLS
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT): // ENOENT of a unix socket
		return instruments.ErrorTypeRefused
	}
	return instruments.ErrorTypeConnect
}

// refusesTLS reports whether a dial ended because the server offers no TLS. With sslmode=prefer, the default, pgx then
// tries without TLS, so only the last attempt counts.
func refusesTLS(err error) bool {
	for err != nil {
		if fmt.Sprintf("%T", err) == "*errors.errorString" && err.Error() == reason.TLSRefused {
			return true
		}
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			attempts := e.Unwrap()
			if len(attempts) == 0 {
				return false
			}
			err = attempts[len(attempts)-1]
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		default:
			return false
		}
	}
	return false
}

// consistsOf reports whether err, or an error that it wraps, is of a kind.
func consistsOf(err error, kind func(error) bool) bool {
	if err == nil || kind(err) {
		return err != nil
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), func(one error) bool { return consistsOf(one, kind) })
	case interface{ Unwrap() error }:
		return consistsOf(e.Unwrap(), kind)
	}
	return false
}

func isDNS(err error) bool {
	_, is := err.(*net.DNSError)
	return is
}

func isTLS(err error) bool {
	switch err.(type) {
	case tls.RecordHeaderError, *tls.CertificateVerificationError, x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError:
		return true
	}
	return fmt.Sprintf("%T", err) == "tls.alert"
}

// connectionLost are the errors of a lost connection. Since pgx 5.13 some of them are only ErrConnClosed, and not safe
// to retry. io.ErrClosedPipe is that of a net.Pipe.
var connectionLost = [...]error{pgconn.ErrConnClosed, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, io.ErrClosedPipe}

func isTimeout(err error) bool {
	netErr, ok := errors.AsType[net.Error](err)
	return ok && netErr.Timeout()
}

// resultOf returns how an Acquire without a connection ended. It timed out if its error is DeadlineExceeded and the
// deadline of its context, which may be that of Sizing.Timeout, has passed. A dial that took too long also returns
// DeadlineExceeded, but then the context has not ended. err is nil if a hook panicked.
func resultOf(ctx context.Context, err error) poolstate.Result {
	switch ended := ctx.Err(); {
	case ended == nil:
		return poolstate.Failed
	case is(err, context.DeadlineExceeded) && is(ended, context.DeadlineExceeded):
		return poolstate.Timeout
	case is(err, context.Canceled) && is(ended, context.Canceled):
		return poolstate.Canceled
	}
	return poolstate.Failed
}

// is reports whether err is target. It returns false if err panics.
func is(err, target error) (yes bool) {
	defer func() { _ = recover() }()
	return errors.Is(err, target)
}
