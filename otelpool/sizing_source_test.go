package otelpool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestFromConfigReadsSettings(t *testing.T) {
	t.Parallel()
	config := parse(t, "postgres://u@localhost/db?pool_size=7&max_overflow=3&pool_pre_ping=True&pool_recycle=1800&pool_timeout=2s&application_name=x")
	got, err := otelpool.Development.FromConfig(config)
	want := otelpool.Sizing{PoolSize: 7, MaxOverflow: 3, PrePing: true, Recycle: 30 * time.Minute, Timeout: 2 * time.Second}
	testutil.NoError(t, err)
	checkEqual(t, "sizing", got, want)
	checkEqual(t, "settings left for the server", fmt.Sprint(config.ConnConfig.RuntimeParams), "map[application_name:x]")
	got, err = otelpool.Staging.FromConfig(config)
	testutil.NoError(t, err)
	checkEqual(t, "sizing without settings", got, otelpool.Staging)
}

func TestFromConfigRefusesInvalidSettings(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"pool_size=many":    `connection string: pool_size is not a whole number`,
		"pool_sise=5":       "connection string: unknown setting \"pool_sise\" (valid: max_overflow, pool_pre_ping, pool_recycle, pool_size, pool_timeout)",
		"pool_pre_ping=si":  `pool_pre_ping is neither true nor false`,
		"pool_timeout=soon": `pool_timeout is neither seconds nor a duration`,
		"max_overflow=1.5":  `max_overflow is not a whole number`,
	} {
		config := parse(t, "host=localhost "+dsn)
		_, err := otelpool.Staging.FromConfig(config)
		testutil.ErrorContains(t, err, want)
		if len(config.ConnConfig.RuntimeParams) != 1 {
			t.Errorf("%s: the configuration was changed", dsn)
		}
	}
	if _, err := otelpool.Staging.FromConfig(nil); err == nil {
		t.Error("accepted nil")
	}
}

func TestFromEnvReadsSettings(t *testing.T) {
	t.Setenv(otelpool.SizingEnv+"POOL_SIZE", "9")
	t.Setenv(otelpool.SizingEnv+"POOL_TIMEOUT", "")
	got, err := otelpool.Production.FromEnv()
	want := otelpool.Production
	want.PoolSize = 9
	checkEqual(t, "error", err, nil)
	checkEqual(t, "sizing", got, want)
}

func TestFromEnvRequiresExactNames(t *testing.T) {
	for _, name := range []string{"pool_size", "Pool_Size", "POOL_SIZES", "POOL_SIZE ", "OVERFLOW"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(otelpool.SizingEnv+"POOL_SIZE", "x") // each error is returned
			t.Setenv(otelpool.SizingEnv+name, "9")
			got, err := otelpool.Staging.FromEnv()
			testutil.ErrorContains(t, err, "environment: "+otelpool.SizingEnv+`POOL_SIZE: "x" is not a whole number`)
			testutil.ErrorContains(t, err, `unknown setting "`+otelpool.SizingEnv+name+`" (valid: `+otelpool.SizingEnv+"MAX_OVERFLOW, ")
			checkEqual(t, "sizing beside an error", got, otelpool.Sizing{})
		})
	}
}
