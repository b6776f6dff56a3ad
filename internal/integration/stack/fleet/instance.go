package fleet

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const contentType = "application/x-protobuf"

// pushTimeout is the default of the exporters.
const pushTimeout = 10 * time.Second

// instance is one instance of the fleet. One worker at a time uses it.
type instance struct {
	number int
	start  time.Time
	pushed int
	conn   net.Conn
}

// worker sends the pushes of instances in sequence. Its buffers are shared by all of them.
type worker struct {
	target    target
	recording *Recording
	body      []byte
	reader    *bufio.Reader
}

// target is the address and path of the fleet's pushes.
type target struct{ address, path string }

func newWorker(t target, r *Recording) *worker {
	return &worker{target: t, recording: r, reader: bufio.NewReaderSize(nil, 4<<10)}
}

// push sends the next push of an instance.
func (w *worker) push(i *instance) error {
	t := w.recording.push(i.pushed)
	i.pushed++
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		w.target.path, w.target.address, contentType, len(t.body))
	w.body = append(append(w.body[:0], head...), t.body...)
	t.stamp(w.body[len(head):], i.number, i.start, time.Now())

	err := w.send(i)
	if err != nil {
		i.closeConn()
	}
	return err
}

// send sends body over the instance's connection, which stays open like those of the exporters.
func (w *worker) send(i *instance) error {
	deadline := time.Now().Add(pushTimeout)
	if i.conn == nil {
		conn, err := net.DialTimeout("tcp", w.target.address, pushTimeout)
		if err != nil {
			return fmt.Errorf("fleet: %w", err)
		}
		i.conn = conn
	}
	if err := i.conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	if _, err := i.conn.Write(w.body); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	w.reader.Reset(i.conn)
	response, err := http.ReadResponse(w.reader, nil)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("fleet: %w", err)
	case response.StatusCode/100 != 2:
		return fmt.Errorf("fleet: refused: %s: %.200s", response.Status, strings.ToValidUTF8(string(answer), "?"))
	}
	return nil
}

func (i *instance) closeConn() {
	if i.conn != nil {
		_ = i.conn.Close()
		i.conn = nil
	}
}
