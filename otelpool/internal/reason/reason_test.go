package reason_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/internal/reason"
)

// panickingError panics in all its methods.
type panickingError struct{}

func (panickingError) Error() string   { panic("Error") }
func (panickingError) Unwrap() error   { panic("Unwrap") }
func (panickingError) Timeout() bool   { panic("Timeout") }
func (panickingError) Temporary() bool { panic("Temporary") }

func TestReasonComesFromServerOrNetwork(t *testing.T) {
	t.Parallel()
	at := &net.TCPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5432}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"none", nil, ""},
		{"server", &pgconn.PgError{Severity: "FATAL", Code: "53300", Message: "sorry, too many clients already"}, "FATAL: sorry, too many clients already (SQLSTATE 53300)"},
		{"server about a setting", &pgconn.PgError{Severity: "FATAL", Code: "22023", Message: `invalid value: "hunter2"`}, "SQLSTATE 22023"},
		{"server without a state", &pgconn.PgError{Message: "hunter2"}, ""},
		{"refused", fmt.Errorf("dial error: %w", refused), "dial: 10.0.0.1:5432: connection refused"},
		{"two addresses", errors.Join(refused, &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}), "dial: 10.0.0.1:5432: connection refused; dial: no route to host"},
		{"same twice", errors.Join(refused, refused), "dial: 10.0.0.1:5432: connection refused"},
		{"name", &net.DNSError{Err: "no such host", Name: "db"}, "lookup db: no such host"},
		{"time-out", fmt.Errorf("hunter2: %w", context.DeadlineExceeded), "timeout"},
		{"network time-out", &net.OpError{Op: "read", Addr: at, Err: os.ErrDeadlineExceeded}, "read: 10.0.0.1:5432: timeout"},
		{"end of file", fmt.Errorf("failed to receive message: %w", io.ErrUnexpectedEOF), "unexpected EOF"},
		{"certificate", fmt.Errorf("tls error: %w", x509.UnknownAuthorityError{}), "x509: certificate signed by unknown authority"},
		{"TLS refused", errors.Join(errors.New("server refused TLS connection")), "server refused TLS connection"},
		{"the program's own", errors.New("password=hunter2"), ""},
		{"the program's own in the network's", &net.OpError{Op: "hunter2", Err: errors.New("hunter2")}, ""},
		{"the program's own beside the server's", errors.Join(errors.New("hunter2"), io.EOF), "EOF"},
		{"panics", panickingError{}, ""},
		{"password in the server's words", connectError(t, "host=localhost password=hunter2", `no entry for user "hunter2"`), `FATAL: no entry for user "xxxxx" (SQLSTATE 28000)`},
		{"setting in the server's words", connectError(t, "host=localhost application_name=hunter2", `no entry for "hunter2"`), `FATAL: no entry for "xxxxx" (SQLSTATE 28000)`},
	} {
		got := reason.Of(tt.err, nil)
		if got != tt.want || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// connectError returns the error of a dial in which the server says something.
func connectError(t *testing.T, connString, says string) error {
	t.Helper()
	config, err := pgconn.ParseConfig(connString + " sslmode=disable")
	testutil.NoError(t, err)
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		return nil, &pgconn.PgError{Severity: "FATAL", Code: "28000", Message: says}
	}
	_, err = pgconn.ConnectConfig(t.Context(), config)
	if err == nil {
		t.Fatal("connected")
	}
	return err
}
