// Command bench measures the cost of otelpool beside similar libraries, and prints it as Markdown.
//
//	go run .          takes about eight minutes
//	go run . -quick   takes about one, with wider intervals
//
// All contenders of a table run in turns in one process, and ratios are of the same turns. The absolute numbers
// depend on the load of the machine; the ratios hardly do. See package measure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Time budgets for all measurements, which share them.
const (
	fullBudget  = 7 * time.Minute
	quickBudget = 40 * time.Second
)

func main() {
	quick := flag.Bool("quick", false, "take a minute, with wider intervals")
	flag.Parse()
	budget, pools := fullBudget, []int{1, 10, 100, 1000}
	if *quick {
		budget, pools = quickBudget, []int{1, 10, 100}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, os.Stdout, budget, pools); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench prints one table after the other, each when it is measured.
func bench(ctx context.Context, to io.Writer, budget time.Duration, pools []int) error {
	fmt.Fprintf(to, "%s, %s/%s, %d processors (%s), %s\n", time.Now().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), processor(), runtime.Version())
	var r results
	for _, part := range []func() (err error){
		func() (err error) {
			r.hooks, err = measureHooks(budget * 2 / 10)
			return errors.Join(err, r.hooks.report(to))
		},
		func() (err error) {
			r.endToEnd, err = measureEndToEnd(ctx, budget*4/10)
			return errors.Join(err, reportEndToEnd(to, r.endToEnd))
		},
		func() error { return r.measureScrapes(to, budget*3/10, pools) },
		func() (err error) {
			r.memory, err = measureMemory()
			return errors.Join(err, r.memory.report(to))
		},
		func() error { // last, because after the first scope every acquire of the process looks for one
			features, err := measureFeatures(budget / 10)
			return errors.Join(err, features.report(to))
		},
		func() error { return reportGoals(to, r.goals()) },
	} {
		if err := errors.Join(ctx.Err(), part()); err != nil {
			return err
		}
	}
	return nil
}

// measureScrapes measures and reports the ways of reading pools.
func (r *results) measureScrapes(to io.Writer, budget time.Duration, pools []int) (err error) {
	var cells []scrapeCell
	for _, n := range pools {
		for _, operations := range []int{1, 20, 200} {
			if n*operations > 20_000 {
				continue // 200 operations of a thousand pools are more than two million series
			}
			cell, err := measureCell(n, operations)
			if err != nil {
				return err
			}
			cells = append(cells, cell)
		}
	}
	for _, site := range []struct{ pools, operations int }{{pools[len(pools)-2], 1}, {pools[len(pools)-1], 1}, {100, 0}} {
		ratio, err := measureScrapeRatio(site.pools, site.operations, budget/6)
		if err != nil {
			return err
		}
		r.ratios = append(r.ratios, ratio)
	}
	if r.shares, err = measureShares(100, 1, budget/6); err != nil {
		return err
	}
	if r.push, err = measurePushRatio(100, budget/6); err != nil {
		return err
	}
	return reportScrapes(to, cells, r.ratios, r.shares, r.push)
}

func otelpoolNamed(ctx context.Context) context.Context {
	return otelpool.WithOperation(ctx, "get_user")
}
