package otelpool_test

import (
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

func TestPoolKeepsItsLimitUnderLoad(t *testing.T) {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	if err := otelpool.Staging.Apply(config); err != nil {
		t.Fatal(err)
	}
	rec := otelpooltest.NewRecorder(t)
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, rec.Option())
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Unregister()
	defer pool.Close()

	var callers sync.WaitGroup
	for range 100 { // requests at the same time
		callers.Go(func() {
			if _, err := pool.Exec(t.Context(), "SELECT pg_sleep(0.02)"); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()

	if peak := rec.Value("pgxpool.peak"); peak > 15 {
		t.Errorf("%v connections in use at a time, of a pool of 5 and 10 more", peak)
	}
	if rec.Value("pgxpool.overflow.opened") == 0 {
		t.Error("the load was not enough for overflow")
	}
}
