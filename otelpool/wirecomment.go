package otelpool

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/trace"
)

const (
	// maxMessage is the longest message that PostgreSQL accepts (PQ_LARGE_MESSAGE_LIMIT).
	maxMessage = math.MaxInt32 / 2

	// maxKeptBuffer is the longest buffer that is kept to be used again.
	maxKeptBuffer = 16 << 10

	// roomForComments is what a buffer has beyond the message, so that it seldom grows.
	roomForComments = 512

	// frontendMessages are the types of messages to the server.
	frontendMessages = "BCDEFHPQSXcdfp"
)

var commentBuffers = sync.Pool{New: func() any { return new([]byte) }}

// writeCommented writes messages, and appends the comment of the call to the texts of those that have one. It returns
// how many bytes of p were written.
func (w *wire) writeCommented(p []byte) (int, error) {
	c := w.commentFor(p)
	if c == nil {
		return w.out.Write(p)
	}
	buffer := commentBuffers.Get().(*[]byte)
	commented := w.comments.appendMessages((*buffer)[:0], p, c)
	if len(commented) == 0 {
		commentBuffers.Put(buffer)
		return w.out.Write(p)
	}
	n, err := w.out.Write(commented)
	if n < len(commented) {
		n = min(n, len(p)-1)
	} else {
		n = len(p)
	}
	if cap(commented) <= maxKeptBuffer {
		*buffer = commented
		commentBuffers.Put(buffer)
	}
	return n, err
}

// commentFor returns the comment of the texts in p, nil if there is no comment, or no text to which it may be appended.
// Each write of pgproto3.Frontend consists of whole messages. After one that does not, it is not known where a message
// begins, and nothing is changed any more. Only the goroutine that does the call sends texts; others write data of a
// CopyFrom and the end of the connection.
func (w *wire) commentFor(p []byte) *comment {
	if w.lost {
		return nil
	}
	first := !w.begun
	if first {
		w.begun = true
	}
	whole, text := inspect(p)
	switch {
	case !whole && !(first && isStartup(p)):
		w.lost = true
		return nil
	case !text:
		return nil
	}
	return w.comment.Load()
}

// isStartup reports whether p is the startup message, which has no type.
func isStartup(p []byte) bool {
	return len(p) >= 8 && uint64(binary.BigEndian.Uint32(p)) == uint64(len(p))
}

// inspect reports whether p consists of whole messages, and whether one of them has a SQL text.
func inspect(p []byte) (whole, text bool) {
	for len(p) > 0 {
		n, ok := messageLen(p)
		if !ok {
			return false, false
		}
		text = text || p[0] == 'Q' || p[0] == 'P'
		p = p[n:]
	}
	return true, text
}

// messageLen returns the length of the message that p begins with, and reports whether p has all of it.
func messageLen(p []byte) (int, bool) {
	if len(p) < 5 || strings.IndexByte(frontendMessages, p[0]) < 0 {
		return 0, false
	}
	n := uint64(binary.BigEndian.Uint32(p[1:]))
	return int(n) + 1, n >= 4 && n < uint64(len(p))
}

// appendMessages appends the messages in p, which are whole, with their comments, nothing if none gets one.
func (s *sqlComments) appendMessages(b, p []byte, call *comment) []byte {
	done := 0 // bytes of p that were appended
	for at, n := 0, 0; at < len(p); at += n {
		n, _ = messageLen(p[at:])
		start, end, ok := textOf(p[at : at+n])
		if !ok {
			continue
		}
		sql, c := p[at+start:at+end], *call
		separator := separatorAfter(sql)
		if separator == "" {
			continue
		}
		if p[at] == 'P' {
			c = s.forParse(c, p[at+5] != 0, sql)
		}
		if c.traceID.IsValid() && !traceable(sql) {
			c.traceID = trace.TraceID{}
		}
		if c.empty() {
			continue
		}
		if done == 0 {
			b = slices.Grow(b, len(p)+roomForComments)
		}
		before := len(b)
		b = append(b, p[done:at+end]...)
		length, text := len(b)-end+1, len(b)
		b = c.append(append(b, separator...))
		commented := n - 1 + len(b) - text
		if commented > maxMessage {
			b = b[:before]
			continue
		}
		binary.BigEndian.PutUint32(b[length:], uint32(commented))
		done = at + end
	}
	if done > 0 {
		b = append(b, p[done:]...)
	}
	return b
}

// textOf returns where the SQL text of a message is, and reports whether it has one.
func textOf(message []byte) (start, end int, ok bool) {
	start = 5
	switch message[0] {
	case 'Q':
	case 'P': // follows the name of the statement
		name := bytes.IndexByte(message[start:], 0)
		if name < 0 {
			return 0, 0, false
		}
		start += name + 1
	default:
		return 0, 0, false
	}
	n := bytes.IndexByte(message[start:], 0)
	if n < 0 {
		return 0, 0, false
	}
	end = start + n
	rest := message[end+1:]
	if message[0] == 'Q' {
		return start, end, len(rest) == 0
	}
	return start, end, len(rest) >= 2 && len(rest) == 2+4*int(binary.BigEndian.Uint16(rest))
}
