package otelpool_test

import (
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelpool/otelpool-go/otelpool"
)

const settings = "pgxpool.settings"

func TestSettingsAreThoseAtRegister(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, connString, want string
		opts                   []otelpool.Option
	}{
		{"chosen", "postgres://u:hunter2@db.example.com:6432/shop?pool_max_conns=9&pool_min_conns=2&pool_min_idle_conns=1&pool_max_conn_lifetime=90s" +
			"&pool_max_conn_lifetime_jitter=1500ms&pool_max_conn_idle_time=5m&pool_health_check_period=10s",
			"{base_size=5,health_check_period=10s,max_conn_idle_time=5m0s,max_conn_lifetime=1m30s,max_conn_lifetime_jitter=1.5s," +
				"max_conns=9,min_conns=2,min_idle_conns=1,server.address=db.example.com,server.port=6432}",
			[]otelpool.Option{otelpool.WithBaseSize(5)}},
		{"socket", "host=/run/postgresql user=u pool_max_conns=4",
			"{base_size=4,health_check_period=1m0s,max_conn_idle_time=30m0s,max_conn_lifetime=1h0m0s,max_conn_lifetime_jitter=0s," +
				"max_conns=4,min_conns=0,min_idle_conns=0,server.address=/run/postgresql,server.port=5432}", nil},
		{"label taken", "postgres://db.example.com/shop?pool_max_conns=4",
			"{base_size=4,health_check_period=1m0s,max_conn_idle_time=30m0s,max_conn_lifetime=1h0m0s,max_conn_lifetime_jitter=0s," +
				"max_conns=4,min_conns=0,min_idle_conns=0,server-address=mine,server.port=5432}",
			[]otelpool.Option{otelpool.WithAttributes(attribute.String("server-address", "mine"))}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tel := newTelemetry(t)
			opts := append(tt.opts, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"))
			_, inst := newInstrumented(t, parse(t, tt.connString), opts...)
			m := tel.collect(t)
			m.check(t, map[string]int64{settings + tt.want: 1})
			if keys := m.keys(settings); len(keys) != 1 {
				t.Errorf("%q, want one series", keys)
			}
			unregister(t, inst)
			if keys := tel.collect(t).keys(settings); len(keys) > 0 {
				t.Errorf("after Unregister: %q", keys)
			}
		})
	}
}

func TestPoolsOfOneNameShowSettingsOfEach(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	for _, lifetime := range []time.Duration{time.Hour, time.Minute, time.Hour} {
		config := parse(t, "postgres://db.example.com/shop")
		config.MaxConnLifetime = lifetime
		newInstrumented(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"))
	}
	m := tel.collect(t)
	keys := m.keys(settings)
	for _, key := range keys {
		m.check(t, map[string]int64{key: 1})
	}
	if len(slices.Compact(slices.Sorted(slices.Values(keys)))) != 2 {
		t.Errorf("%q, want two series", keys)
	}
}
