package otelpool_test

import (
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestSizingOfTheEnvironmentGoesByExactNames(t *testing.T) {
	for _, name := range []string{"pool_size", "Pool_Size", "POOL_SIZES", "POOL_SIZE ", "OVERFLOW"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(otelpool.SizingEnv+"POOL_SIZE", "7")
			t.Setenv(otelpool.SizingEnv+name, "9")
			got, err := otelpool.Staging.FromEnv()
			want := otelpool.SizingEnv + name + " is no setting: there are " + otelpool.SizingEnv + "MAX_OVERFLOW, "
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v, error %v, want one with %q", got, err, want)
			}
			if err != nil && got != (otelpool.Sizing{}) {
				t.Errorf("an error, and yet %+v", got)
			}
		})
	}
}
