package otelpool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// commentingWire returns a wire whose statements get a comment, and what is written to it.
func commentingWire(t testing.TB) (*wire, *bytes.Buffer) {
	t.Helper()
	config, err := pgx.ParseConfig("application_name=shop")
	testutil.NoError(t, err)
	operations := instruments.NewOperations(instruments.OperationsConfig{Limit: instruments.DefaultLimit})
	comments := newSQLComments([]SQLComment{CommentApplication, CommentOperation}, operations, config)
	out := new(bytes.Buffer)
	w := &wire{out: out, comments: comments}
	w.comment.Store(&comments.byOperation.of(operations.Named(instruments.Name{Text: "get_user"})).call)
	return w, out
}

const (
	callTags = "/*application='shop',operation='get_user'*/"
	textTags = "/*application='shop',operation='SELECT'*/"
)

var startup = &pgproto3.StartupMessage{
	ProtocolVersion: pgproto3.ProtocolVersion30, Parameters: map[string]string{"user": "u"},
}

func encode(t testing.TB, messages ...pgproto3.FrontendMessage) (p []byte) {
	t.Helper()
	for _, m := range messages {
		var err error
		if p, err = m.Encode(p); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestWriteCommentsOnlyTexts(t *testing.T) {
	t.Parallel()
	query := func(sql string) pgproto3.FrontendMessage { return &pgproto3.Query{String: sql} }
	bind := &pgproto3.Bind{Parameters: [][]byte{[]byte("Q\x00\x00\x00\x0dSELECT 1\x00")}}
	data := &pgproto3.CopyData{Data: encode(t, query("SELECT 1"))}
	password := &pgproto3.PasswordMessage{Password: "P"}
	for _, tt := range []struct {
		name      string
		sent, out []byte
	}{
		{"nothing", nil, nil},
		{"query", encode(t, query("SELECT 1")), encode(t, query("SELECT 1 "+callTags))},
		{"several", encode(t,
			&pgproto3.Close{ObjectType: 'S', Name: "old"},
			&pgproto3.Parse{Name: "stmt", Query: "SELECT $1", ParameterOIDs: []uint32{20, 25}},
			&pgproto3.Describe{ObjectType: 'S', Name: "stmt"},
			&pgproto3.Parse{Query: "SELECT $1", ParameterOIDs: []uint32{20, 25}}, bind,
			&pgproto3.Parse{Query: "-- nothing"}, bind, &pgproto3.Execute{}, &pgproto3.Flush{}, &pgproto3.Sync{},
		), encode(t,
			&pgproto3.Close{ObjectType: 'S', Name: "old"},
			&pgproto3.Parse{Name: "stmt", Query: "SELECT $1 " + textTags, ParameterOIDs: []uint32{20, 25}},
			&pgproto3.Describe{ObjectType: 'S', Name: "stmt"},
			&pgproto3.Parse{Query: "SELECT $1 " + callTags, ParameterOIDs: []uint32{20, 25}}, bind,
			&pgproto3.Parse{Query: "-- nothing"}, bind, &pgproto3.Execute{}, &pgproto3.Flush{}, &pgproto3.Sync{},
		)},
		{"data that looks like a query", encode(t, data, &pgproto3.CopyDone{}), encode(t, data, &pgproto3.CopyDone{})},
		{"password", encode(t, password), encode(t, password)},
		{"empty query", encode(t, query("")), encode(t, query(""))},
		{"query with two texts", []byte("Q\x00\x00\x00\x08a\x00b\x00"), []byte("Q\x00\x00\x00\x08a\x00b\x00")},
		{"query without an end", []byte("Q\x00\x00\x00\x06ab"), []byte("Q\x00\x00\x00\x06ab")},
		{"parse without types", []byte("P\x00\x00\x00\x09\x00abc\x00"), []byte("P\x00\x00\x00\x09\x00abc\x00")},
		{"parse with too few types", []byte("P\x00\x00\x00\x09\x00a\x00\x00\x01"), []byte("P\x00\x00\x00\x09\x00a\x00\x00\x01")},
		{"unknown message", []byte("?\x00\x00\x00\x04"), []byte("?\x00\x00\x00\x04")},
		{"length below 4", []byte("Q\x00\x00\x00\x03"), []byte("Q\x00\x00\x00\x03")},
		{"length beyond the end", []byte("Q\xff\xff\xff\xffa\x00"), []byte("Q\xff\xff\xff\xffa\x00")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, out := commentingWire(t)
			sent := bytes.Clone(tt.sent)
			if n, err := w.Write(sent); n != len(sent) || err != nil {
				t.Errorf("wrote %d of %d, %v", n, len(sent), err)
			}
			if !bytes.Equal(out.Bytes(), tt.out) {
				t.Errorf("written are\n%q, want\n%q", out.Bytes(), tt.out)
			}
			if !bytes.Equal(sent, tt.sent) {
				t.Error("the caller's bytes changed")
			}
		})
	}
}

// TestSplitMessagesStayAsTheyAre writes data that has a query in it, in parts of which one is just this query.
func TestSplitMessagesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	query := encode(t, &pgproto3.Query{String: "SELECT 1"})
	data := encode(t, &pgproto3.CopyData{Data: query})
	w, out := commentingWire(t)
	parts := [][]byte{encode(t, startup), data[:5], data[5:], query}
	for _, part := range parts {
		if n, err := w.Write(part); n != len(part) || err != nil {
			t.Errorf("wrote %d of %d, %v", n, len(part), err)
		}
	}
	if want := bytes.Join(parts, nil); !bytes.Equal(out.Bytes(), want) {
		t.Errorf("written are\n%q, want\n%q", out.Bytes(), want)
	}
}

// failing accepts so many bytes.
type failing int

func (f failing) Write(p []byte) (int, error) {
	if int(f) < len(p) {
		return int(f), io.ErrClosedPipe
	}
	return len(p), nil
}

// TestFailedWriteReturnsBytesOfCaller has pgx know that nothing was sent, and no more bytes than it has.
func TestFailedWriteReturnsBytesOfCaller(t *testing.T) {
	t.Parallel()
	p := encode(t, &pgproto3.Query{String: "SELECT 1"})
	commented := encode(t, &pgproto3.Query{String: "SELECT 1 " + callTags})
	for accepted := range len(commented) + 1 {
		w, _ := commentingWire(t)
		w.out = failing(accepted)
		n, err := w.Write(p)
		switch {
		case accepted == len(commented):
			if n != len(p) || err != nil {
				t.Errorf("all was accepted: %d, %v", n, err)
			}
		case !errors.Is(err, io.ErrClosedPipe) || n >= len(p) || (n == 0) != (accepted == 0):
			t.Errorf("%d bytes were accepted: %d of %d, %v", accepted, n, len(p), err)
		}
	}
}

func TestLargeWriteKeepsNoBuffer(t *testing.T) {
	// Not parallel: other tests use the buffers.
	w, out := commentingWire(t)
	sql := "SELECT '" + strings.Repeat("x", 1<<20) + "'"
	if _, err := w.Write(encode(t, &pgproto3.Query{String: sql})); err != nil {
		t.Error(err)
	}
	if want := encode(t, &pgproto3.Query{String: sql + " " + callTags}); !bytes.Equal(out.Bytes(), want) {
		t.Errorf("%d bytes are written, want %d", out.Len(), len(want))
	}
	for range 10 {
		if b := commentBuffers.Get().(*[]byte); cap(*b) > maxKeptBuffer {
			t.Errorf("a buffer of %d bytes is kept", cap(*b))
		}
	}
}

// FuzzWrite sends any bytes in one write, after a message.
func FuzzWrite(f *testing.F) {
	f.Add(encode(f, &pgproto3.Query{String: "SELECT 1"}, &pgproto3.Sync{}))
	f.Add(encode(f, &pgproto3.Parse{Name: "a", Query: "SELECT 1 --", ParameterOIDs: []uint32{1}}, &pgproto3.Bind{}))
	f.Add(encode(f, &pgproto3.Parse{Query: "-- a\n;"}, &pgproto3.Query{String: "/*"}, &pgproto3.Query{String: "*/"}))
	f.Add([]byte("\x00\x00\x00\x08\x00\x03\x00\x00"))
	f.Add([]byte("Q\x00\x00\x00\x06ab"))
	f.Fuzz(func(t *testing.T, p []byte) {
		w, out := commentingWire(t)
		sync := encode(t, &pgproto3.Sync{})
		if _, err := w.Write(sync); err != nil {
			t.Fatal(err)
		}
		if n, err := w.Write(p); n != len(p) || err != nil {
			t.Fatalf("wrote %d of %d, %v", n, len(p), err)
		}
		got := out.Bytes()[len(sync):]
		if whole, _ := inspect(p); !whole {
			if !bytes.Equal(got, p) {
				t.Fatalf("%q became %q", p, got)
			}
			return
		}
		for len(p) > 0 {
			n, _ := messageLen(p)
			m, ok := messageLen(got)
			if !ok {
				t.Fatalf("%q is left for %q", got, p)
			}
			if before, after := p[:n], got[:m]; !bytes.Equal(before, after) && !bytes.Equal(before, withoutComment(after)) {
				t.Fatalf("%q became %q", before, after)
			}
			p, got = p[n:], got[m:]
		}
		if len(got) > 0 {
			t.Fatalf("%q was added", got)
		}
	})
}

// withoutComment returns the message without the comment of its text.
func withoutComment(message []byte) []byte {
	_, end, ok := textOf(message)
	if !ok {
		return nil
	}
	at := bytes.LastIndex(message[:end], []byte("/*application='shop',operation='"))
	if at < 1 || !bytes.HasSuffix(message[:end], []byte("'*/")) || bytes.Contains(message[at+2:end-2], []byte("*/")) {
		return nil
	}
	message = append(bytes.Clone(message[:at-1]), message[end:]...) // one byte of space is before the comment
	binary.BigEndian.PutUint32(message[1:], uint32(len(message)-1))
	return message
}
