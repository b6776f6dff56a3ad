package fleet

import (
	"fmt"
	"io"
	"runtime"
	"time"
)

// Line returns a step in one line, to show progress.
func (s Step) Line() string {
	return fmt.Sprintf("%5d instances: %d series; Collector %.2f cores, %d MiB; Prometheus %.2f cores, %d MiB; push p99 %v, scrape %v, longest rules %v",
		s.Instances, s.Series, s.Collector.Cores(), s.Collector.Memory>>20, s.Prometheus.Cores(), s.Prometheus.Memory>>20,
		s.PushP99.Round(time.Millisecond), s.Scrape.Round(time.Millisecond), s.Rules.Round(time.Millisecond))
}

// Report writes the result as Markdown.
func Report(w io.Writer, s Settings, r Result) error {
	_, err := fmt.Fprintf(w, "%d processors, shared by Collector, Prometheus and the generator. Each instance pushes %d bytes (%d series) every %v,"+
		" Prometheus scrapes every %v.\n\n%s\n%s", runtime.NumCPU(), s.Recording.Bytes(), r.perInstance(), s.Interval, s.Interval, table(r.Steps), r.summary(s.Interval))
	return err
}

func table(steps []Step) string {
	text := "| instances | samples a scrape | series in Prometheus | Collector: cores, MiB | of it for scrapes | Prometheus: cores, MiB |" +
		" generator: cores | push p50, p99 | scrape | longest group of rules |\n|---|---|---|---|---|---|---|---|---|---|\n"
	for _, s := range steps {
		text += fmt.Sprintf("| %d | %d | %d | %.2f, %d | %.2f | %.2f, %d | %.2f | %v, %v | %v | %v |\n",
			s.Instances, s.Samples, s.Series, s.Collector.Cores(), s.Collector.Memory>>20, s.ScrapeCPU.Cores(),
			s.Prometheus.Cores(), s.Prometheus.Memory>>20, s.Generator.Cores(),
			s.PushP50.Round(time.Millisecond), s.PushP99.Round(time.Millisecond),
			s.Scrape.Round(10*time.Millisecond), s.Rules.Round(10*time.Millisecond))
	}
	return text
}

// perInstance returns the number of series of one instance on the Collector's page.
func (r Result) perInstance() int {
	for _, s := range r.Steps {
		if s.Samples > 0 {
			return s.Samples / s.Instances
		}
	}
	return 0
}

// summary returns the cost of a thousand instances, and the reason of the end.
func (r Result) summary(interval time.Duration) string {
	last := r.lastGood(interval)
	if last == nil {
		return "Ended " + r.End + ".\n"
	}
	thousands := float64(last.Instances) / 1000
	push := (last.Collector.CPU - last.ScrapeCPU.CPU).Seconds() / thousands
	scrape := last.ScrapeCPU.CPU.Seconds() / thousands
	return fmt.Sprintf(`The most that was carried: %d instances. There, for a thousand instances:
- the Collector takes %.2f s of a processor for a round of pushes, %.2f s for a scrape, and %.0f MiB;
- Prometheus takes %.2f s of a processor for a scrape with its rules, and %.0f MiB;
- a scrape lasts %.2f s.

Ended %s.
`, last.Instances, push, scrape, float64(last.Collector.Memory>>20)/thousands,
		last.Prometheus.CPU.Seconds()/thousands, float64(last.Prometheus.Memory>>20)/thousands,
		last.Scrape.Seconds()/thousands, r.End)
}

// lastGood returns the last step without overload, or nil if there is none.
func (r Result) lastGood(interval time.Duration) *Step {
	for i := len(r.Steps) - 1; i >= 0; i-- {
		if r.Steps[i].Overload(interval) == "" {
			return &r.Steps[i]
		}
	}
	return nil
}
