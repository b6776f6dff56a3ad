package otelpool

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

func TestErrorsAreClassified(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		err    error
		want   string // error.type
		state  bool   // it is a SQLSTATE
		failed bool
	}{
		{"none", nil, "", false, false},
		{"no rows", pgx.ErrNoRows, "", false, false},
		{"no rows, wrapped", fmt.Errorf("get user: %w", pgx.ErrNoRows), "", false, false},
		{"class 00", &pgconn.PgError{Code: "00000"}, "00000", true, false},
		{"class 01", &pgconn.PgError{Code: "01004"}, "01004", true, false},
		{"class 02", &pgconn.PgError{Code: "02000"}, "02000", true, true},
		{"unique violation", &pgconn.PgError{Code: "23505"}, "23505", true, true},
		{"wrapped", fmt.Errorf("save: %w", &pgconn.PgError{Code: "40P01"}), "40P01", true, true},
		{"query canceled by the server", &pgconn.PgError{Code: "57014"}, "57014", true, true},
		{"state too long", &pgconn.PgError{Code: "235055"}, "_OTHER", false, true},
		{"state with other characters", &pgconn.PgError{Code: "2\n50x"}, "_OTHER", false, true},
		{"no state", &pgconn.PgError{}, "_OTHER", false, true},
		{"nil server error", (*pgconn.PgError)(nil), "_OTHER", false, true},
		{"canceled", fmt.Errorf("query: %w", context.Canceled), "canceled", false, true},
		{"deadline", fmt.Errorf("query: %w", context.DeadlineExceeded), "timeout", false, true},
		{"network time-out", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, "timeout", false, true},
		{"not opened", &pgconn.ConnectError{}, "connect", false, true},
		{"reset", &net.OpError{Op: "read", Err: errors.New("reset")}, "connection", false, true},
		{"end of file", fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), "connection", false, true},
		{"closed", net.ErrClosed, "connection", false, true},
		{"closed by pgx", fmt.Errorf("exec: %w", pgconn.ErrConnClosed), "connection", false, true},
		{"closed pipe", io.ErrClosedPipe, "connection", false, true},
		{"the caller's own", errors.New("password=hunter2"), "_OTHER", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "nil server error" {
				// A nil in an error is a bug elsewhere; it must not become a panic here.
				defer func() {
					if p := recover(); p != nil {
						t.Errorf("panic: %v", p)
					}
				}()
			}
			got, failed := classify(tt.err)
			if want := (instruments.Failure{ErrorType: tt.want, SQLState: tt.state}); got != want || failed != tt.failed {
				t.Errorf("classify = %+v, %v; want %+v, %v", got, failed, want, tt.failed)
			}
		})
	}
}
