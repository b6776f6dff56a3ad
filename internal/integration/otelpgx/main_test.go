package otelpgx_test

import (
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	record() // for the first Example
	postgrestest.MainWithURL(m)
}
