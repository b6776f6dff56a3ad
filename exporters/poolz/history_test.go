package poolz_test

import (
	"encoding/json"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func history(t *testing.T, body []byte) poolz.History {
	t.Helper()
	var h poolz.History
	if err := json.Unmarshal(body, &h); err != nil || h.Version != poolz.HistoryVersion {
		t.Fatalf("%v: %s", err, body)
	}
	return h
}

// TestHistoryBeginsWithHandler asks for a pool's history for the first time some seconds after creating the handler.
func TestHistoryBeginsWithHandler(t *testing.T) {
	t.Parallel()
	inst := newPool(t, "main", "checkout")
	h := poolz.Handler([]*otelpool.Instrumentation{inst})
	testutil.Eventually(t, "the pool has kept two seconds", func() bool { return len(inst.History()) > 2 })
	pools := history(t, get(h, "/history.json").Body.Bytes()).Pools
	if len(pools) != 1 || pools[0].Pool != "main" || len(pools[0].Moments) < 3 || pools[0].Moments[0].Used != 1 {
		t.Errorf("got %+v", pools)
	}
}

// TestHistoryBeginsWithRegistration registers a pool after creating the handler.
func TestHistoryBeginsWithRegistration(t *testing.T) {
	t.Parallel()
	config := postgrestest.Config(t)
	inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(newProvider()), otelpool.WithPoolName("late"))
	testutil.NoError(t, err)
	h := poolz.Handler([]*otelpool.Instrumentation{inst})
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	testutil.NoError(t, err)
	defer pool.Close()
	testutil.NoError(t, inst.Register(pool))
	testutil.Eventually(t, "the history of the pool grows", func() bool {
		pools := history(t, get(h, "/history.json").Body.Bytes()).Pools
		return len(pools) == 1 && len(pools[0].Moments) > 1
	})
}
