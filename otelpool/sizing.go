package otelpool

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool/internal/resize"
	"github.com/otelpool/otelpool-go/otelpool/internal/tracerchain"
)

// Sizing has the settings of SQLAlchemy's QueuePool. Apply makes a pgxpool behave by them.
type Sizing struct {
	// PoolSize is how many connections the pool keeps (pool_size). At least 1.
	PoolSize int

	// MaxOverflow is how many more it opens under load (max_overflow). A connection is closed at its release if PoolSize
	// connections are idle already. 0 for none. If the configuration has an AfterRelease, pgx takes a connection back on a
	// goroutine of its own. A caller who acquires right after a release may then overtake it, and open one connection more
	// than are in use.
	//
	// A connection may also become idle without a release: one dialed in the background for MinIdleConns, or for a caller
	// who gave up meanwhile. So more than PoolSize may be idle for a while. Later releases close connections until no more
	// than PoolSize are idle; without releases MaxConnIdleTime does.
	MaxOverflow int

	// PrePing pings every connection before it is handed out, except one that was just opened (pool_pre_ping). That costs
	// a round trip an acquire. Without it the configuration's ShouldPing stays as it is; pgx's default pings connections
	// that were idle for more than a second.
	PrePing bool

	// Recycle is the age at which a connection is replaced (pool_recycle). Up to a tenth of it is added at random, so that
	// connections are not all replaced together. pgx adds whole seconds: half of the connections get one more if Recycle is
	// below 20 seconds, and none does if it is below one. 0 leaves the configuration's MaxConnLifetime as it is.
	Recycle time.Duration

	// Timeout is how long an acquire may take for a caller whose context has no earlier deadline (pool_timeout). The error
	// is then an [AcquireTimeoutError]. 0 for no limit.
	Timeout time.Duration
}

// The presets of the older SQLAlchemy guide (see GUIDE.md), as values to copy and to change. Staging has twice, and
// Production six times the connections of a small pool: see package sizing for what a measured load needs.
var (
	Development = Sizing{PoolSize: 2, MaxOverflow: 5, PrePing: true}
	Staging     = Sizing{PoolSize: 5, MaxOverflow: 10, PrePing: true, Recycle: time.Hour}
	Production  = Sizing{PoolSize: 20, MaxOverflow: 40, PrePing: true, Recycle: time.Hour, Timeout: 30 * time.Second}
)

// Apply configures a pool: it sets MaxConns and MaxConnLifetime with its jitter, and wraps hooks of the configuration. So
// set your hooks first. An AfterRelease of the configuration still runs, and still decides.
//
// One of the hooks is a tracer, which calls the configuration's. Set your own tracer before Apply, or join both by pgx's
// multitracer. A tracer that replaces it afterwards disables the closing of overflow, Timeout, and most of PrePing. That is
// an error of [Instrument], [NewWithConfig] and [Register], unless all other hooks of the sizing were replaced as well.
//
// Apply replaces a MaxConns that was chosen, by pool_max_conns or in code. It says so once at Warn, by [slog.Default],
// because then one of the two numbers is not what the user expects.
//
// A pool that otelpool builds from the configuration, or that is built after [Instrument], has PoolSize as its base size,
// see [WithBaseSize]. Without MaxOverflow, Apply adds nothing to a release.
//
// It is an error if a number is out of range, if Recycle or Timeout is below a millisecond, if MinConns or MinIdleConns
// of the configuration exceed PoolSize, or if the configuration already has a Sizing or is instrumented; the
// configuration is then unchanged. A pool without a limit, which SQLAlchemy has with pool size 0 or max overflow −1, is
// an error too: pgxpool cannot do it.
func (s Sizing) Apply(poolConfig *pgxpool.Config) error {
	if err := checkPoolConfig(poolConfig); err != nil {
		return err
	}
	if err := s.check(poolConfig); err != nil {
		return err
	}
	maxConns := int32(s.PoolSize + s.MaxOverflow)
	warnReplaced(poolConfig, maxConns)
	poolConfig.MaxConns = maxConns
	if s.Recycle > 0 {
		poolConfig.MaxConnLifetime = s.Recycle
		poolConfig.MaxConnLifetimeJitter = recycleJitter(s.Recycle)
	}
	resize.Install(poolConfig, resize.Settings{
		PoolSize:     s.PoolSize,
		MaxOverflow:  s.MaxOverflow,
		PrePing:      s.PrePing,
		Timeout:      s.Timeout,
		TimeoutError: s.timeoutError,
	})
	return nil
}

// replacements are the changes of MaxConns that were logged.
var replacements sync.Map // set of replacement

// replacement is a MaxConns that was chosen, and that of the Sizing.
type replacement struct{ chosen, applied int32 }

var sizingLog logQueue

// warnReplaced logs, once for each pair of numbers, that a MaxConns that was chosen is replaced.
func warnReplaced(poolConfig *pgxpool.Config, maxConns int32) {
	chosen := poolConfig.MaxConns
	byDefault := chosen == max(4, int32(runtime.NumCPU())) && !strings.Contains(poolConfig.ConnString(), "pool_max_conns")
	if chosen == maxConns || byDefault {
		return
	}
	if _, logged := replacements.LoadOrStore(replacement{chosen, maxConns}, true); logged {
		return
	}
	sizingLog.warn("sizing replaces MaxConns (pool_max_conns): choose the number by one of them only",
		slog.String("pool", defaultPoolName(poolConfig.ConnConfig)), slog.Int("max_conns", int(maxConns)), slog.Int("replaced", int(chosen)))
}

// recycleJitter returns the MaxConnLifetimeJitter for a lifetime. pgx rounds what it adds down to whole seconds, so a
// jitter of one second or less adds nothing.
func recycleJitter(lifetime time.Duration) time.Duration {
	if lifetime < time.Second {
		return lifetime / 10
	}
	return max(lifetime/10, 2*time.Second)
}

// timeoutError returns the error of an acquire that took longer than Timeout.
func (s Sizing) timeoutError(pool *pgxpool.Pool, waiting int) error {
	stat, cc := pool.Stat(), pool.Config().ConnConfig
	timeout := &AcquireTimeoutError{
		Pool:    defaultPoolName(cc),
		Limit:   s.Timeout,
		InUse:   int(stat.AcquiredConns()),
		Max:     int(stat.MaxConns()),
		Waiting: waiting,
	}
	if h, ok := tracerchain.Find[*hooks](cc.Tracer); ok {
		timeout.Pool = h.reports.pool
		if h.owner.Load() == pool {
			timeout.findings = &lazyFindings{sync.OnceValue(h.findingsNow)}
		}
	}
	return timeout
}

func (s Sizing) check(poolConfig *pgxpool.Config) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf("otelpool: "+format, args...)) }
	switch {
	case s.PoolSize == 0:
		fail("pool size 0 means no limit, which pgxpool does not support: use 1 or more")
	case s.PoolSize < 0:
		fail("pool size %d is below 1", s.PoolSize)
	}
	switch {
	case s.MaxOverflow == -1:
		fail("max overflow -1 means no limit, which pgxpool does not support: use 0 or more")
	case s.MaxOverflow < 0:
		fail("max overflow %d is below 0", s.MaxOverflow)
	case s.PoolSize > 0 && (s.PoolSize > math.MaxInt32 || s.MaxOverflow > math.MaxInt32-s.PoolSize):
		fail("pool size %d and max overflow %d are together more than %d", s.PoolSize, s.MaxOverflow, math.MaxInt32)
	}
	checkLimit := func(name string, d time.Duration) {
		switch {
		case d < 0:
			fail("%s %v is below 0: use 0 for no limit", name, d)
		case lacksUnit(d):
			fail("%s %v %s", name, d, unitAdvice)
		}
	}
	checkLimit("recycle", s.Recycle)
	checkLimit("timeout", s.Timeout)
	if least := max(poolConfig.MinConns, poolConfig.MinIdleConns); s.PoolSize > 0 && int64(least) > int64(s.PoolSize) {
		fail("MinConns or MinIdleConns of the configuration, %d, exceeds the pool size %d", least, s.PoolSize)
	}
	if _, instrumented := tracerchain.Find[*hooks](poolConfig.ConnConfig.Tracer); instrumented {
		fail("configuration is instrumented already: apply the sizing first")
	}
	if _, sized := resize.PoolSize(poolConfig); sized {
		fail("configuration has a sizing already")
	}
	if err := resize.Check(poolConfig); err != nil {
		fail("configuration has a sizing already, and %w", err)
	}
	return errors.Join(errs...)
}
