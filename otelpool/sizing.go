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

// Sizing has the settings of SQLAlchemy's QueuePool. [Sizing.Apply] applies them to a pgxpool.
type Sizing struct {
	// PoolSize is how many connections the pool keeps (pool_size). It must be at least 1.
	PoolSize int

	// MaxOverflow is how many more connections the pool opens under load (max_overflow). A connection is closed when it
	// is released while PoolSize connections are idle. If the configuration has an AfterRelease hook, pgx finishes each
	// release on another goroutine. An acquire right after a release may then come first, and open one connection more
	// than needed.
	//
	// A connection may also become idle without a release: if it was dialed in the background for MinIdleConns, or for
	// a caller that gave up before the dial ended. So more than PoolSize connections may be idle for a while. Later
	// releases close connections until no more than PoolSize are idle; without releases, MaxConnIdleTime does.
	MaxOverflow int

	// PrePing pings every connection before an acquire returns it, except one that was just opened (pool_pre_ping).
	// That costs a round trip per acquire. Without PrePing the configuration's ShouldPing is unchanged; pgx's default
	// pings connections that were idle for more than a second.
	PrePing bool

	// Recycle is the age at which a connection is replaced (pool_recycle). Up to a tenth of it is added at random, so
	// that connections are not all replaced together. pgx adds only whole seconds: below 20 seconds, half of the
	// connections get one more, and below one second none does. With 0 the configuration's MaxConnLifetime is
	// unchanged.
	Recycle time.Duration

	// Timeout limits how long an acquire may take (pool_timeout). An acquire that exceeds it returns an
	// [AcquireTimeoutError]; an earlier deadline of the caller's context still applies. 0 means no limit.
	Timeout time.Duration
}

// Presets of the older SQLAlchemy guide (see GUIDE.md), to copy and change. Staging allows 15 and Production 60
// connections; package sizing computes what a measured load needs.
var (
	Development = Sizing{PoolSize: 2, MaxOverflow: 5, PrePing: true}
	Staging     = Sizing{PoolSize: 5, MaxOverflow: 10, PrePing: true, Recycle: time.Hour}
	Production  = Sizing{PoolSize: 20, MaxOverflow: 40, PrePing: true, Recycle: time.Hour, Timeout: 30 * time.Second}
)

// Apply configures a pool: it sets MaxConns, and MaxConnLifetime with its jitter, and wraps hooks of the configuration.
// So set your own hooks first. An AfterRelease hook of the configuration is still called, and its result still counts.
//
// One of these hooks is a tracer, which calls the configuration's own. Set your tracer before Apply, or combine both
// with pgx's multitracer. Replacing the tracer after Apply disables MaxOverflow's closing of connections, Timeout, and
// most of PrePing. [Instrument], [NewWithConfig] and [Register] then return an error, unless all other hooks of the
// sizing were replaced as well.
//
// Apply also replaces a MaxConns that was set explicitly, by pool_max_conns or in code. It logs that once for each pair
// of numbers, at level Warn to [slog.Default], because one of the two numbers is then not what the user expects.
//
// PoolSize becomes the base size of a pool that is instrumented after Apply, see [WithBaseSize]. Without MaxOverflow,
// Apply adds nothing to the cost of a release.
//
// Apply returns an error if a number is out of range, if Recycle or Timeout is above 0 and below a millisecond, if
// MinConns or MinIdleConns of the configuration exceeds PoolSize, or if the configuration already has a Sizing or is
// instrumented. The configuration is then unchanged. A pool without a limit, for which SQLAlchemy uses pool size 0 or
// max overflow −1, is also an error, because pgxpool does not support it.
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
	sizingLog.warn("sizing replaces MaxConns (pool_max_conns): set only one of them",
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
		fail("pool size %d plus max overflow %d exceeds %d", s.PoolSize, s.MaxOverflow, math.MaxInt32)
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
		fail("MinConns or MinIdleConns of the configuration (%d) exceeds the pool size %d", least, s.PoolSize)
	}
	if _, instrumented := tracerchain.Find[*hooks](poolConfig.ConnConfig.Tracer); instrumented {
		fail("configuration is already instrumented: apply the sizing first")
	}
	if _, sized := resize.PoolSize(poolConfig); sized {
		fail("configuration already has a sizing")
	}
	if err := resize.Check(poolConfig); err != nil {
		fail("configuration already has a sizing, and %w", err)
	}
	return errors.Join(errs...)
}
