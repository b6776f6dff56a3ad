package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	otelsdk "go.opentelemetry.io/otel/sdk"
	"golang.org/x/perf/benchfmt"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

const (
	sdkModule = "go.opentelemetry.io/otel/sdk/metric"

	// fastRelease is the last release whose histograms do not inspect attributes by reflection.
	fastRelease = "v1.44.0"
)

// measureReleases compares this module's release of the SDK with an older one, by the benchmarks in the folders record
// and cycle. A process can have only one release, so the two test binaries run in turns.
func measureReleases(ctx context.Context, r *report, budget time.Duration) (err error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	old := filepath.Join(dir, "old.mod")
	for _, file := range []string{"go.mod", "go.sum"} {
		data, err := os.ReadFile(file)
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, "old"+filepath.Ext(file)), data, 0o600)); err != nil {
			return err
		}
	}
	if err := goCommand(ctx, "mod", "edit", "-replace="+sdkModule+"="+sdkModule+"@"+fastRelease, old); err != nil {
		return err
	}
	var rows [][]string
	for _, b := range []struct{ name, folder string }{
		{"a measurement by one histogram", "record"}, {"a cycle of otelpool", "cycle"},
	} {
		before, now := filepath.Join(dir, b.folder+"-old"), filepath.Join(dir, b.folder+"-new")
		err := errors.Join(goCommand(ctx, "test", "-c", "-modfile="+old, "-mod=mod", "-o", before, "./"+b.folder),
			goCommand(ctx, "test", "-c", "-o", now, "./"+b.folder))
		if err != nil {
			return err
		}
		var failed error
		contenders := []measure.Contender{benchmark(ctx, before, &failed), benchmark(ctx, now, &failed)}
		rounds := measure.Interleave(contenders, 0, budget/2)
		if failed != nil {
			return failed
		}
		rows = append(rows, []string{
			b.name, nanoseconds(rounds.Cost(before, measure.TimePerOp)), nanoseconds(rounds.Cost(now, measure.TimePerOp)),
			rounds.Ratio(now, before, measure.TimePerOp).String(),
		})
	}
	r.table("Releases of the SDK", []string{"", fastRelease, "v" + otelsdk.Version(), "× " + fastRelease}, rows)
	return nil
}

// benchmark returns a contender that runs a test binary. Its result is the time that the benchmark measured.
func benchmark(ctx context.Context, binary string, failed *error) measure.Contender {
	var perOp float64
	return measure.Contender{
		Name: binary,
		Run: func(time.Duration) int {
			out, err := exec.CommandContext(ctx, binary, "-test.run=^$", "-test.bench=.", "-test.benchtime=50000x").Output()
			results, found := benchfmt.NewReader(bytes.NewReader(out), binary), false
			for results.Scan() {
				if result, ok := results.Result().(*benchfmt.Result); ok {
					perOp, found = result.Value("sec/op")
				}
			}
			if err == nil && !found {
				err = fmt.Errorf("no result in %q", out)
			}
			*failed = cmp.Or(*failed, err)
			return 1
		},
		After: func(s *measure.Slice) { s.Ops, s.Time = 1000, time.Duration(perOp*1e12) },
	}
}

func goCommand(ctx context.Context, args ...string) error {
	out, err := exec.CommandContext(ctx, "go", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return nil
}
