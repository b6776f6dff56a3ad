package scenarios

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

const (
	usualLoad = 0.4
	warm      = 15 * time.Second // after the start of the pool; findings in this time are ignored
	limit     = 30 * time.Second // in which the finding must come first
	stays     = 3 * time.Second  // for which the trouble continues after that
	clears    = 30 * time.Second // after the repair, in which the finding may last
)

type options struct {
	seed    uint64
	healthy time.Duration // before it goes wrong
	stays   time.Duration // minimum duration of the trouble, even if it was found
	record  func(moment)  // called with each moment, if it is not nil
}

// play runs a scenario, or only its healthy time if it has no trouble. It returns an error if it could not be run, or
// if a report changed in JSON.
func play(ctx context.Context, sc scenario, o options) (out outcome, err error) {
	e, err := newEnv(ctx, sc, o.seed)
	if err != nil {
		return out, err
	}
	defer e.close()
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	defer func() {
		stop()
		<-ended
		s := e.Service
		out.Succeeded, out.Failed, out.Dropped, out.Late = s.succeeded.Load(), s.failed.Load(), s.dropped.Load(), s.late
	}()
	start := func() { go func() { e.Service.run(running); close(ended) }() }
	if !sc.FromStart {
		start()
		start = func() {}
		if err := e.watch(ctx, sc, o, &out, Healthy, o.healthy, func(time.Duration) bool { return false }); err != nil {
			return out, err
		}
		if sc.Begin == nil {
			return out, nil
		}
	}
	err = e.trouble(ctx, sc, o, &out, start)
	return out, err
}

// trouble starts the trouble, watches it, repairs it, and watches its findings end.
func (e *env) trouble(ctx context.Context, sc scenario, o options, out *outcome, start func()) error {
	repair, err := func() error { return nil }, error(nil)
	if sc.Begin != nil {
		repair, err = sc.Begin(ctx, e)
	}
	start()
	if err != nil {
		return fmt.Errorf("scenarios: begin %s: %w", sc.Name, err)
	}
	err = e.watch(ctx, sc, o, out, Trouble, cmp.Or(sc.Within, limit), func(since time.Duration) bool {
		return out.Found != 0 && (sc.Also == nil || out.Also) && since >= max(out.Found+stays, o.stays)
	})
	if err := errors.Join(err, repair()); err != nil || sc.Begin == nil {
		return err
	}
	return e.watch(ctx, sc, o, out, Repaired, clears+stays, func(since time.Duration) bool {
		return out.Cleared != 0 && since-out.Cleared >= 2*stays
	})
}

// watch looks at the findings once a second, for a time or until done returns true.
func (e *env) watch(ctx context.Context, sc scenario, o options, out *outcome, p phase, d time.Duration, done func(since time.Duration) bool) error {
	began := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		since := time.Since(began)
		report, err := e.report(ctx, sc)
		if err != nil {
			return err
		}
		r := moment{Phase: p, Since: since.Seconds(), Report: report}
		if o.record != nil {
			o.record(r)
		}
		if err := out.see(sc, r); err != nil {
			return err
		}
		if done(since) || since >= d {
			return nil
		}
	}
}

// report returns the pool's report, with the server's answer if the scenario asks it.
func (e *env) report(ctx context.Context, sc scenario) (diagnose.Report, error) {
	report := e.Inst.Report()
	if !sc.Asks {
		return report, nil
	}
	return diagnose.Server(ctx, e.Pool.Config().ConnConfig, report)
}
