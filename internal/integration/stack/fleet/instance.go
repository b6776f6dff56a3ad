package fleet

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
)

// pushTimeout is the default of the exporters.
const pushTimeout = 10 * time.Second

// instance is one instance of the fleet. Its client has a connection of its own, which stays open like those of the
// exporters. One worker at a time uses it.
type instance struct {
	client http.Client
	id     string
	pushed int
}

func newInstance(number int) *instance {
	return &instance{client: http.Client{Timeout: pushTimeout, Transport: &http.Transport{}}, id: fmt.Sprintf("fleet-%07d", number)}
}

// push sends the next push of the recording.
func (i *instance) push(url string, r *Recording) error {
	push := r.push(i.pushed)
	i.pushed++
	stamp(push, i.id, time.Now())
	body, err := proto.Marshal(push)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	response, err := i.client.Post(url, "application/x-protobuf", bytes.NewReader(body))
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
