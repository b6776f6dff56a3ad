package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

// Result is the result of a run.
type Result struct {
	Steps []Step

	// End is the reason why there was no further step.
	End string
}

// errEnough is the cause of a regular end.
var errEnough = errors.New("enough")

type run struct {
	Settings
	collector  *stack.Collector
	prometheus *stack.Prometheus
	sender     *sender
}

// Run measures one step after the other, and calls each with its result. It ends all programs that it started before
// it returns.
func Run(ctx context.Context, s Settings, each func(Step)) (_ Result, err error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.Limit, fmt.Errorf("%w: the time of %v is up", errEnough, s.Limit))
	defer cancel()
	r := run{Settings: s}
	defer func() { err = errors.Join(err, r.stop()) }()
	if err := r.start(ctx); errors.Is(context.Cause(ctx), errEnough) {
		return Result{End: fmt.Sprintf("before the first step: %v", context.Cause(ctx))}, nil
	} else if err != nil {
		return Result{}, err
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	go r.watch(ctx, end)

	var result Result
	for _, n := range s.Steps {
		step, err := r.step(ctx, n)
		if cause := context.Cause(ctx); errors.Is(cause, errEnough) {
			result.End = fmt.Sprintf("with %d instances: %v", n, cause)
			return result, nil
		}
		if err != nil {
			return result, err
		}
		result.Steps = append(result.Steps, step)
		each(step)
		if why := step.Overload(s.Interval); why != "" {
			result.End = fmt.Sprintf("with %d instances: %s", n, why)
			return result, nil
		}
	}
	result.End = "all steps were done"
	return result, nil
}

func (r *run) start(ctx context.Context) (err error) {
	r.collector, err = stack.StartCollector(ctx, stack.CollectorSettings{Program: r.Collector, Config: r.CollectorConfig, Env: r.CollectorEnv, Dir: r.Dir})
	if err != nil {
		return err
	}
	r.prometheus, err = stack.StartPrometheus(ctx, stack.PrometheusSettings{
		Program: r.Prometheus, Config: r.PrometheusConfig, Dir: r.Dir, Interval: r.Interval, Collector: r.collector.Page,
	})
	if err != nil {
		return err
	}
	r.sender = &sender{url: "http://" + r.collector.HTTP + "/v1/metrics", recording: r.Recording, interval: r.Interval}
	return r.firstScrape(ctx)
}

// firstScrape waits for Prometheus' first scrape of the Collector, which happens some time after its start.
func (r *run) firstScrape(ctx context.Context) error {
	return r.prometheus.Await(ctx, func(ctx context.Context) error {
		up, err := r.prometheus.Number(ctx, fmt.Sprintf("up{instance=%q}", r.collector.Page))
		if err == nil && up != 1 {
			err = errors.New("fleet: the Collector is not scraped yet")
		}
		return err
	})
}

func (r *run) stop() error {
	var errs []error
	if r.sender != nil {
		r.sender.close()
	}
	if r.prometheus != nil {
		errs = append(errs, r.prometheus.Kill()) // its data is deleted, so it need not write it
	}
	if r.collector != nil {
		errs = append(errs, r.collector.Kill())
	}
	return errors.Join(errs...)
}

// watch ends the run if the memory is used up or a program has ended.
func (r *run) watch(ctx context.Context, end context.CancelCauseFunc) {
	tick := time.NewTicker(time.Second / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.collector.Done():
			end(r.collector.Ended())
			return
		case <-r.prometheus.Done():
			end(r.prometheus.Ended())
			return
		case <-tick.C:
		}
		var total int64
		for _, pid := range []int{os.Getpid(), r.collector.PID(), r.prometheus.PID()} {
			if load, err := usage(pid); err == nil {
				total += load.Memory
			}
		}
		if total > r.Memory {
			end(fmt.Errorf("%w: memory: Collector, Prometheus and generator use %d MiB, the limit is %d MiB", errEnough, total>>20, r.Memory>>20))
			return
		}
	}
}

// step measures n instances. It runs a round of pushes for the new instances, a measured round, and an interval
// without pushes.
func (r *run) step(ctx context.Context, n int) (Step, error) {
	r.sender.grow(n)
	r.sender.round(ctx)
	var sent pushes
	loads, err := during(func() { sent = r.sender.round(ctx) }, r.collector.PID(), r.prometheus.PID(), os.Getpid())
	if err != nil {
		return Step{}, err
	}
	silence, err := during(func() { sleepUntil(ctx, time.Now().Add(r.Interval)) }, r.collector.PID())
	if err != nil {
		return Step{}, err
	}
	step := Step{
		Instances: n, Collector: loads[0], Prometheus: loads[1], Generator: loads[2], ScrapeCPU: silence[0],
		Pushes: sent.sent, Failed: sent.failed, Failure: sent.err,
		PushP50: sent.quantile(0.5), PushP99: sent.quantile(0.99), Late: sent.late,
	}
	return step, step.readPrometheus(ctx, r.prometheus, r.collector.Page)
}
