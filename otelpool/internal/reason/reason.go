// Package reason returns the texts of errors from the server and the network that contain no secret: those of known
// types only. The text of another error, such as one of the program's own DialFunc, may contain a secret.
package reason

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxReasons is how many errors of a failed dial are returned: there is one for each address that was tried.
const maxReasons = 3

// Of returns what the server or the network said, "" if that is unknown. The text may be long and have any characters.
// Settings of config are replaced in it; nil stands for that of a failed dial.
func Of(err error, config *pgconn.Config) (reason string) {
	defer func() {
		if recover() != nil { // an error of the program may panic in its methods
			reason = ""
		}
	}()
	reason = strings.Join(appendReasons(nil, err), "; ")
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok && config == nil {
		config = connect.Config
	}
	if config != nil {
		for _, secret := range secretsOf(config) {
			reason = strings.ReplaceAll(reason, secret, "xxxxx")
		}
	}
	return reason
}

// secretsOf returns the settings of a connection that must not be shown, in case a server repeats them.
func secretsOf(config *pgconn.Config) (secrets []string) {
	if config.Password != "" {
		secrets = append(secrets, config.Password)
	}
	for _, value := range config.RuntimeParams {
		if len(value) > 3 { // not "on" or "UTC", which other words contain
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// appendReasons appends the words of the known errors that err consists of.
func appendReasons(reasons []string, err error) []string {
	if err == nil || len(reasons) == maxReasons {
		return reasons
	}
	if words := knownWords(err); words != "" {
		if slices.Contains(reasons, words) {
			return reasons
		}
		return append(reasons, words)
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			reasons = appendReasons(reasons, one)
		}
	case interface{ Unwrap() error }:
		reasons = appendReasons(reasons, e.Unwrap())
	}
	return reasons
}

// knownWords returns the words of err itself, "" if its type is not known.
func knownWords(err error) string {
	switch e := err.(type) {
	case *pgconn.PgError:
		return serverWords(e)
	case *net.OpError:
		return networkWords(e)
	case *net.DNSError, syscall.Errno, tls.RecordHeaderError, x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError:
		return err.Error()
	case net.Error:
		if e.Timeout() {
			return "timeout"
		}
		return ""
	}
	switch fmt.Sprintf("%T", err) {
	case "tls.alert":
		return err.Error()
	case "*errors.errorString":
		if text := err.Error(); slices.Contains(wordsOfPgx, text) {
			return text
		}
	}
	return ""
}

// TLSRefused is what pgx says if the server does not offer TLS.
const TLSRefused = "server refused TLS connection"

// wordsOfPgx are errors of pgx and the standard library that have no type of their own.
var wordsOfPgx = []string{
	TLSRefused, io.EOF.Error(), io.ErrUnexpectedEOF.Error(), pgconn.ErrConnClosed.Error(),
	pgconn.ErrReadOnlyConnection.Error(), pgconn.ErrReadWriteConnection.Error(), pgconn.ErrPrimaryConnection.Error(),
	pgconn.ErrStandbyConnection.Error(),
}

// serverWords returns what the server said. Outside of some classes of SQLSTATE, messages may quote settings of the
// connection string or a statement of AfterConnect.
func serverWords(e *pgconn.PgError) string {
	code, ok := SQLState(e)
	if !ok {
		return ""
	}
	if code == "42501" || slices.Contains([]string{"08", "28", "3D", "53", "55", "57", "58"}, code[:2]) {
		return fmt.Sprintf("%s: %s (SQLSTATE %s)", e.Severity, e.Message, code)
	}
	return "SQLSTATE " + code
}

// networkWords returns what the network said, and for which address.
func networkWords(e *net.OpError) string {
	var words []string
	if slices.Contains([]string{"dial", "read", "write", "remote error", "local error"}, e.Op) {
		words = append(words, e.Op)
	}
	switch address := e.Addr.(type) {
	case *net.TCPAddr, *net.UnixAddr:
		words = append(words, address.String())
	}
	return strings.Join(append(words, appendReasons(nil, e.Err)...), ": ")
}

// SQLState returns the SQLSTATE of a server error, if it is well-formed.
func SQLState(err error) (string, bool) {
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
