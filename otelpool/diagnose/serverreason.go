package diagnose

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// reason returns what the server or the network said. It repeats the words of known types of errors only, because those of
// others, such as of the program's own DialFunc, may contain a secret.
func reason(err error, config *pgx.ConnConfig) string {
	words := knownWords(err)
	if config.Password != "" {
		words = strings.ReplaceAll(words, config.Password, "xxxxx")
	}
	for _, value := range config.RuntimeParams {
		if len(value) > 3 { // not "on" or "UTC", which other words contain
			words = strings.ReplaceAll(words, value, "xxxxx")
		}
	}
	return printable.Text(words, 250)
}

func knownWords(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e != nil {
		return serverWords(e)
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok && e != nil {
		return e.Error()
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && e != nil {
		return e.Error()
	}
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return fmt.Sprintf("no answer within %v", serverTimeout)
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e.Error()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the server closed the connection"
	}
	return "an error whose words may contain a secret"
}

// serverWords returns what the server said. Outside of some classes of SQLSTATE, messages may quote settings of the
// connection string.
func serverWords(e *pgconn.PgError) string {
	if len(e.Code) != 5 {
		return "an error without a SQLSTATE"
	}
	if e.Code == "42501" || slices.Contains([]string{"08", "28", "3D", "53", "55", "57", "58"}, e.Code[:2]) {
		return fmt.Sprintf("%s: %s (SQLSTATE %s)", e.Severity, e.Message, e.Code)
	}
	return "SQLSTATE " + e.Code
}
