package otelpool

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// wire is the reader and writer of a connection's protocol. It reports whether the program waits for the server: while
// rows are open, a call runs even if the program does something else between two rows.
type wire struct {
	in      io.Reader
	out     io.Writer
	reads   atomic.Uint32 // odd during a read; one that receives something adds two
	writing atomic.Bool

	comments *sqlComments // nil unless statements get comments
	comment  atomic.Pointer[comment]
	begun    bool // something was written
	lost     bool // the boundaries of messages are no longer known
}

func (w *wire) Read(p []byte) (int, error) {
	done := w.reads.Load() &^ 1
	w.reads.Store(done | 1)
	n, err := w.in.Read(p)
	if n > 0 {
		done += 2
	}
	w.reads.Store(done)
	return n, err
}

func (w *wire) Write(p []byte) (int, error) {
	w.writing.Store(true)
	var n int
	var err error
	if w.comments == nil {
		n, err = w.out.Write(p)
	} else {
		n, err = w.writeCommented(p)
	}
	w.writing.Store(false)
	return n, err
}

func (w *wire) waits() bool { return w.reads.Load()&1 != 0 || w.writing.Load() }

// answers returns how many reads have received something.
func (w *wire) answers() uint32 { return w.reads.Load() >> 1 }

// wires maps frontends, by weak pointers, to their wires. A frontend is the only part of a connection that both
// BuildFrontend and the owner of the connection have.
var wires sync.Map

// buildFrontend wraps the function that makes a connection's frontend.
func buildFrontend(next pgconn.BuildFrontendFunc, comments *sqlComments) pgconn.BuildFrontendFunc {
	if next == nil { // pgx then panics
		return nil
	}
	return func(r io.Reader, out io.Writer) *pgproto3.Frontend {
		w := &wire{in: r, out: out, comments: comments}
		frontend := next(w, w)
		if frontend != nil {
			key := weak.Make(frontend)
			wires.Store(key, w)
			runtime.AddCleanup(frontend, func(key weak.Pointer[pgproto3.Frontend]) { wires.Delete(key) }, key)
		}
		return frontend
	}
}

// wireOf returns the wire of a connection, nil if it is not known.
func wireOf(frontend *pgproto3.Frontend) *wire {
	if frontend != nil {
		if w, ok := wires.Load(weak.Make(frontend)); ok {
			return w.(*wire)
		}
	}
	return nil
}
