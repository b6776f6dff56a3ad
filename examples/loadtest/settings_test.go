package main

import (
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

const anyServer = "postgres://someone@127.0.0.1/db"

func TestFlagsOverridePresetAndConnString(t *testing.T) {
	t.Parallel()
	staging := func(size, overflow int) otelpool.Sizing {
		s := otelpool.Staging
		s.PoolSize, s.MaxOverflow = size, overflow
		return s
	}
	for _, tt := range []struct {
		name  string
		args  []string
		query string // of the connection string
		want  otelpool.Sizing
	}{
		{"older SQLAlchemy guide by default", nil, "", otelpool.Staging},
		{"development", []string{"-preset", "development"}, "", otelpool.Development},
		{"production", []string{"-preset=production"}, "", otelpool.Production},
		{"size and overflow", []string{"-pool-size=3", "-max-overflow=0"}, "", staging(3, 0)},
		{"connection string", []string{"-pool-size=3"}, "?pool_size=8&max_overflow=2&pool_timeout=5s",
			otelpool.Sizing{PoolSize: 3, MaxOverflow: 2, PrePing: true, Recycle: time.Hour, Timeout: 5 * time.Second}},
		{"open loop without overflow", []string{"-rate=5", "-pool-size=3"}, "?pool_min_conns=9", staging(3, 0)},
		{"open loop with the size of pgx", []string{"-rate=5"}, "?pool_max_conns=7", staging(7, 0)},
		{"open loop with overflow in the size", []string{"-rate=5"}, "?pool_size=8&max_overflow=2", staging(10, 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, err := newSettings(tt.args)
			testutil.NoError(t, err)
			config, sizing, err := s.poolConfig(anyServer + tt.query)
			if err != nil || sizing != tt.want {
				t.Fatalf("%+v, %v, want %+v", sizing, err, tt.want)
			}
			if int(config.MaxConns) != tt.want.PoolSize+tt.want.MaxOverflow {
				t.Errorf("MaxConns is %d", config.MaxConns)
			}
		})
	}
}

func TestDefaultsFollowGuide(t *testing.T) {
	t.Parallel()
	s, err := newSettings(nil)
	if err != nil || s.concurrency != 100 || s.duration != 10*time.Second || s.statements[0].sql != defaultQuery {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestHelpExitsWithZero(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	if code := run([]string{"-h"}, &stdout, &stderr); code != 0 || stdout.String() != usage || stderr.String() != "" {
		t.Errorf("exit status %d, %q, %q", code, &stdout, &stderr)
	}
	if n := strings.Count(usage, "\n"); n > 40 {
		t.Errorf("%d lines, too many for a screen", n)
	}
}
