package recipes_test

import (
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.MainWithURL(m) }
