package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestEnvOrStartUsesEnvironment(t *testing.T) {
	const url = "postgres://user:secret@nowhere.invalid/db"
	t.Setenv(URLEnv, url)
	got, stop, err := EnvOrStart(t.Context())
	if err != nil || got != url {
		t.Fatalf("got %q (%v)", got, err)
	}
	testutil.NoError(t, stop())
}

func TestErrorsHideDatabaseURL(t *testing.T) {
	t.Setenv(URLEnv, "postgres://user:secret@nowhere.invalid/db")
	t.Setenv(BinEnv, "/nowhere")
	_, err := Start(t.Context())
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error is %v", err)
	}
	if strings.Contains(errMissing().Error(), "secret") || !errors.Is(errMissing(), ErrNoBinaries) {
		t.Errorf("the error is %v", errMissing())
	}
}
