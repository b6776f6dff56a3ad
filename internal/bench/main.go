// Command bench measures the cost of otelpool and of similar libraries. It prints as Markdown the goals and the tables
// that they come from.
//
//	go run .                       takes less than three minutes
//	go run . -full                 prints all tables, in four times as long
//	go run . -plot /tmp/cost.svg   also draws the cost of a cycle by number of goroutines
//
// The contenders of a table take turns, and a ratio compares results of the same turn. Absolute numbers depend on the
// load of the machine; ratios hardly do. See package measure.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	r := &report{}
	flag.BoolVar(&r.full, "full", false, "measure all tables, with more contenders")
	budget := flag.Duration("budget", 2*time.Minute, "time that the measurements share; -full takes four times as long")
	plot := flag.String("plot", "", "write a plot of the cost of a cycle by goroutines to this SVG file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := bench(ctx, r, *budget, *plot); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(ctx context.Context, r *report, budget time.Duration, plot string) error {
	if r.full {
		budget *= 4
	}
	for _, part := range []struct {
		name    string
		share   time.Duration // of the budget, in percent
		skip    bool
		measure func(context.Context, *report, time.Duration) error
	}{
		{"cycles", 25, false, measureHooks},
		{"cycles under load", 25, false, measureLoaded},
		{"queries", 30, false, measureEndToEnd},
		{"scrapes and pushes", 13, false, measureFleets},
		{"memory", 0, false, measureMemory},
		{"releases of the SDK", 7, false, measureReleases},
		{"the plot", 20, plot == "", func(_ context.Context, _ *report, budget time.Duration) error {
			return drawPlot(plot, budget)
		}},
		// Last, because after the first scope every acquire of the process looks for one.
		{"features", 10, !r.full, measureFeatures},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if part.skip {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", time.Now().Format(time.TimeOnly), part.name)
		if err := part.measure(ctx, r, budget*part.share/100); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	fmt.Printf("%s, %s/%s, %d processors (%s), %s\n", time.Now().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH,
		runtime.NumCPU(), processor(), runtime.Version())
	return r.print(os.Stdout)
}
