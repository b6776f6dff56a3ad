package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

func (r report) writeJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

func (r report) writeText(w io.Writer) error {
	var b bytes.Buffer
	for i, p := range r.Pools {
		if i > 0 {
			b.WriteByte('\n')
		}
		p.write(&b, r)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func (p poolReport) write(b *bytes.Buffer, r report) {
	name := "pool"
	if p.Pool != "" {
		name += " " + strconv.Quote(p.Pool)
	}
	if p.Job != "" {
		name += " of job " + strconv.Quote(p.Job)
	}
	fmt.Fprintf(b, "%s, by %s\n", name, r.Source)
	if p.Problem != "" {
		fmt.Fprintf(b, "  no advice   %s\n", p.Problem)
		return
	}
	fmt.Fprintf(b, "  load        %.4g acquires/s × %s = %.3g connections in use on average\n",
		p.Load.Rate, p.Load.timeText(), p.Load.Rate*p.Load.seconds())
	if p.Load.MeasuredSeconds > 0 {
		fmt.Fprintf(b, "  measured    over %v: mean wait %v, peak %d, %.0f timeouts\n", round(inSeconds(p.Load.MeasuredSeconds)),
			round(inSeconds(*p.Load.MeanWaitSeconds)), *p.Load.Peak, *p.Load.Timeouts)
	}
	if p.Present != nil {
		fmt.Fprintf(b, "  now         %s\n", p.Present.text(r.Goal))
	}
	fmt.Fprintf(b, "  verdict     %s\n", p.verdictText())
	least := ""
	if p.AtLeast {
		least = "at least "
	}
	fmt.Fprintf(b, "  recommended %s%s\n", least, p.Recommended.text(r.Goal))
	if p.Server != nil {
		fmt.Fprintf(b, "  server      %s\n", p.Server.Text)
	}
	for _, reason := range p.Reasons {
		fmt.Fprintf(b, "    - %s\n", reason)
	}
}

// seconds returns how long an acquire takes a connection on average.
func (l loadReport) seconds() float64 { return l.HoldSeconds + l.TakingSeconds + l.OtherSeconds }

// timeText returns how long an acquire takes a connection, in parts. It omits parts below one percent.
func (l loadReport) timeText() string {
	text := round(inSeconds(l.HoldSeconds)).String() + " held"
	parts := 1
	for _, part := range []struct {
		seconds float64
		what    string
	}{{l.TakingSeconds, "to connect, ping and prepare"}, {l.OtherSeconds, "taken otherwise"}} {
		if part.seconds >= l.seconds()/100 {
			text += " + " + round(inSeconds(part.seconds)).String() + " " + part.what
			parts++
		}
	}
	if parts > 1 {
		return "(" + text + ")"
	}
	return text
}

// verdictText returns the verdict with the change of the size.
func (p poolReport) verdictText() string {
	now := 0
	if p.Present != nil {
		now = p.Present.Size + p.Present.Overflow
	}
	change := p.Recommended.Size + p.Recommended.Overflow - now
	switch p.Verdict {
	case verdictTooSmall:
		return fmt.Sprintf("too small: %d more", change)
	case verdictTooBig:
		return fmt.Sprintf("too big: %d fewer are enough", -change)
	case verdictSaturated:
		return fmt.Sprintf("saturated: %d more, then measure again", change)
	case verdictBursts:
		return fmt.Sprintf("too small for bursts: %d more, then measure again", change)
	case verdictNew:
		return "there is no pool yet"
	default:
		return "it fits"
	}
}

// minWaitPercent is the smallest percentage of waiting acquires that is printed exactly.
const minWaitPercent = 0.01

func (s sizeReport) text(goal goalReport) string {
	text := fmt.Sprintf("size %d", s.Size)
	if s.Overflow > 0 {
		text += fmt.Sprintf(" + overflow %d", s.Overflow)
	}
	switch {
	case s.Overloaded:
		return text + ": not more than the average use; in the model the line of waiting callers grows without limit"
	case s.Utilization > 0:
		text += fmt.Sprintf(": %.0f %% used", s.Utilization*100)
	}
	if s.Model == nil {
		return text
	}
	text += "; in the model "
	if waiting := s.Model.WaitProbability * 100; waiting < minWaitPercent {
		text += fmt.Sprintf("less than %v %% of the acquires wait, ", minWaitPercent)
	} else {
		text += fmt.Sprintf("%.3g %% of the acquires wait, %v on average, ", waiting, round(inSeconds(s.Model.MeanWaitSeconds)))
	}
	if s.Model.QuantileWaitSeconds == 0 {
		return text + percent(goal.Quantile) + " do not wait"
	}
	return text + percent(goal.Quantile) + " wait at most " + round(inSeconds(s.Model.QuantileWaitSeconds)).String()
}
