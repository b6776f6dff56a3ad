package poolz

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func TestPoolIDDependsOnNameOnly(t *testing.T) {
	t.Parallel()
	ids := func(names ...string) []string {
		var pools []Pool
		for _, name := range names {
			pools = append(pools, Pool{Report: diagnose.Report{Pool: name}})
		}
		return poolIDs(pools)
	}
	if got := ids("b", "main")[1]; got != "pool-main" || ids("main")[0] != got {
		t.Errorf("got %q", got)
	}
	names := []string{
		"main", "main", "main~2~", "Main", "orders db", "orders/db", "orders%20db", "é", "", "\x00\"><script>",
		strings.Repeat("x", 10_000), strings.Repeat("x", 10_001),
	}
	got := ids(names...)
	safe := regexp.MustCompile(`^pool-[A-Za-z0-9_.~-]{0,110}$`)
	for i, id := range got {
		if !safe.MatchString(id) || slices.Index(got, id) != i {
			t.Errorf("%.20q is %q", names[i], id)
		}
	}
}
