// Package consumer_test breaks the consumers of the metrics of a pool under load, and compares the load with one
// without the consumer.
package consumer_test

import (
	"strings"
	"sync"
	"testing"

	"go.opentelemetry.io/otel"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	otel.SetErrorHandler(&reported)
	postgrestest.Main(m)
}

var reported errorLog

// errorLog counts errors. It is safe for concurrent use.
type errorLog struct {
	mu   sync.Mutex
	n    int
	last string
}

func (l *errorLog) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	l.last = strings.Join(strings.Fields(err.Error()), " ")
}

func (l *errorLog) read() (n int, last string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n, l.last
}
