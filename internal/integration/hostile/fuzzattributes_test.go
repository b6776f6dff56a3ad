package hostile

import (
	"context"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

func attributeOf(key string, kind uint8, text string, number int64) attribute.KeyValue {
	k := attribute.Key(key)
	float := math.Float64frombits(uint64(number))
	switch kind % 11 {
	case 0:
		return k.String(text)
	case 1:
		return k.Int64(number)
	case 2:
		return k.Float64(float)
	case 3:
		return k.Bool(number%2 == 0)
	case 4:
		return k.StringSlice([]string{text, key})
	case 5:
		return k.Int64Slice([]int64{number, 1})
	case 6:
		return k.Float64Slice([]float64{float, math.NaN()})
	case 7:
		return k.BoolSlice([]bool{true, number%2 == 0})
	case 8:
		return k.StringSlice(nil)
	case 9:
		return attribute.ByteSlice(key, []byte(text))
	}
	return attribute.KeyValue{Key: k}
}

// FuzzAttributes adds attributes to two pools of one name. Accepted attributes must not change the documented labels,
// and the two pools must share their series.
func FuzzAttributes(f *testing.F) {
	for i, text := range nasty {
		f.Add(text, uint8(i), "value", int64(i), "zone")
		f.Add("key", uint8(i), text, int64(math.Float64bits(math.NaN())), text)
	}
	for _, key := range []string{"pool", "db..query.summary", "db.query_summary", "_pool", "__pool", "operation", "exported_pool", "9lives", "a.b", "le", "otel.scope.name", "job", "instance", "größe", "POOL"} {
		f.Add(key, uint8(0), "value", int64(0), "a_b")
	}
	conn := connect(f)
	f.Fuzz(func(t *testing.T, key string, kind uint8, text string, number int64, other string) {
		if len(key)+len(text)+len(other) > 16<<10 {
			return // each series repeats it in each format, which is slow; another test covers it
		}
		exporter := newExporter(t)
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
		options := []otelpool.Option{
			otelpool.WithMeterProvider(provider), otelpool.WithPoolName("named"),
			otelpool.WithAttributes(attributeOf(key, kind, text, number)), otelpool.WithAttributes(attribute.String(other, "other")),
		}
		for range 2 {
			pool, inst, err := otelpool.NewWithConfig(context.Background(), offline(t), options...)
			if err != nil {
				if !strings.HasPrefix(err.Error(), "otelpool: attribute") {
					t.Errorf("the error is %q", err)
				}
				return
			}
			defer pool.Close()
			defer inst.Unregister()
			event(otelpool.WithOperation(context.Background(), "op"), tracerOf(pool), conn, "SELECT 1")
		}
		page := scrapeAll(t, exporter)
		sizes := page.of("db_pool_size")
		if len(sizes) != 1 || sizes[0].labels.Get("pool") != "named" {
			t.Errorf("pools of one name are %v", sizes)
		}
		queries := page.of("db_query_duration_seconds_count")
		if len(queries) != 1 || queries[0].value != 2 || queries[0].labels.Get("operation") != "op" || queries[0].labels.Get("pool") != "named" {
			t.Errorf("operations are %v", queries)
		}
	})
}
