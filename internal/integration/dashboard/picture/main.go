// Command picture takes the screenshots of the dashboards. It runs the demo and a Prometheus and waits for data. A
// headless browser then draws the panels with Grafana's own components.
//
//	go -C internal/integration run ./dashboard/picture
//
// It needs Node.js and npm, and downloads everything else: npm's packages once (half a gigabyte, into
// picture/node_modules), and with them the browser, on Linux on amd64. On other systems it uses the browser that
// CHROMIUM names, or an installed one.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/internal/integration/dashboard/live"
	"github.com/otelpool/otelpool-go/internal/integration/npm"
	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/programs"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := take(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "picture:", err)
		os.Exit(1)
	}
}

// take takes the screenshots and stops all programs.
func take(ctx context.Context) (err error) {
	root, err := programs.Root()
	if err != nil {
		return err
	}
	folder := filepath.Join(root, "internal", "integration", "dashboard", "picture")
	if err := npm.Install(ctx, folder); err != nil {
		return err
	}
	if err := npm.Run(ctx, folder, "npm", "run", "--silent", "build"); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "otelpool-picture-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	address, stop, err := live.StartDemo(ctx, dir)
	if err != nil {
		return err
	}
	defer stop()
	prometheus, err := live.StartPrometheus(ctx, dir, "", live.Target{Job: "shop", Instance: "shop-1", Address: address})
	if err != nil {
		return err
	}
	defer func() { _ = prometheus.Kill() }()

	// The events to show must happen first, and Prometheus needs a few seconds to its first scrape.
	fmt.Printf("The demo runs for %v ...\n", span+cycle)
	select {
	case <-time.After(span + cycle):
	case <-ctx.Done():
		return ctx.Err()
	}
	end, err := busyMoment(ctx, prometheus)
	if err != nil {
		return err
	}
	return npm.Run(ctx, folder, "node", "screenshot.js", prometheus.URL,
		strconv.FormatInt(end.Add(-span).UnixMilli(), 10), strconv.FormatInt(end.UnixMilli(), 10),
		filepath.Join(root, "collector-config", "grafana"), "pool", "service")
}

const (
	// span is the time range of the screenshots.
	span = 150 * time.Second

	// cycle is longer than one cycle of the demo's load and the time to Prometheus' first scrape.
	cycle = 50 * time.Second
)

// busyMoment returns a recent time at which the pool used its overflow but was not full, and callers held connections, so
// that gauges and tables at the end of the screenshots show a value.
func busyMoment(ctx context.Context, prometheus *stack.Prometheus) (time.Time, error) {
	now := time.Now().Truncate(2 * time.Second)
	for at := now; now.Sub(at) < cycle; at = at.Add(-2 * time.Second) {
		found, _, err := prometheus.API().Query(ctx, `db_pool_overflow > 0 < db_pool_num_overflow and on (instance, pool) sum by (instance, pool) (db_pool_held) > 1`, at)
		if vector, _ := found.(model.Vector); err != nil || len(vector) > 0 {
			return at, err
		}
	}
	return now, nil
}
