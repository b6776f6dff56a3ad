package main

import (
	"errors"
	"fmt"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// report is the whole report. -json prints its fields.
type report struct {
	Source string       `json:"source"`
	Goal   goalReport   `json:"goal"`
	Pools  []poolReport `json:"pools"`
}

type goalReport struct {
	WaitSeconds float64 `json:"wait_seconds"`
	Quantile    float64 `json:"quantile"`
}

// poolReport has either a problem or the other fields.
type poolReport struct {
	Pool        string        `json:"pool,omitempty"`
	Job         string        `json:"job,omitempty"`
	Instances   int           `json:"instances"`
	Problem     string        `json:"problem,omitempty"`
	Verdict     string        `json:"verdict,omitempty"`
	Load        *loadReport   `json:"load,omitempty"`
	Present     *sizeReport   `json:"present,omitempty"`
	Recommended *sizeReport   `json:"recommended,omitempty"`
	AtLeast     bool          `json:"at_least,omitempty"` // the recommended size is only a lower bound of the need
	Reasons     []string      `json:"reasons,omitempty"`
	Server      *serverReport `json:"server,omitempty"`
}

type loadReport struct {
	Rate            float64  `json:"rate"`
	HoldSeconds     float64  `json:"hold_seconds"`
	TakingSeconds   float64  `json:"taking_seconds,omitempty"` // to connect, ping and prepare
	OtherSeconds    float64  `json:"other_seconds,omitempty"`  // only in the samples of connections in use
	CV              float64  `json:"cv,omitempty"`             // 0 if unknown
	MeasuredSeconds float64  `json:"measured_seconds,omitempty"`
	MeanWaitSeconds *float64 `json:"measured_mean_wait_seconds,omitempty"`
	Timeouts        *float64 `json:"measured_timeouts,omitempty"`
	Peak            *int     `json:"measured_peak,omitempty"`
}

// sizeReport is a size, and the waits with it by the model of package sizing.
type sizeReport struct {
	Size        int     `json:"size"`
	Overflow    int     `json:"overflow"`
	Utilization float64 `json:"utilization,omitempty"` // 0 if unknown
	// Overloaded means that the queue grows without limit in the model. Model is nil then, and if a measurement
	// contradicts it.
	Overloaded bool         `json:"overloaded,omitempty"`
	Model      *modelReport `json:"model,omitempty"`
}

type modelReport struct {
	WaitProbability     float64 `json:"wait_probability"`
	MeanWaitSeconds     float64 `json:"mean_wait_seconds"`
	QuantileWaitSeconds float64 `json:"quantile_wait_seconds"`
	MeanPending         float64 `json:"mean_pending"`
}

// newReport judges each pool. It returns false if there is no advice for any.
func newReport(s settings, measurements []measurement) (r report, ok bool) {
	r.Source = "the flags"
	if s.metrics != nil {
		r.Source = fetch.Redacted(s.metrics)
	} else if s.prometheus != nil {
		r.Source = fetch.Redacted(s.prometheus)
	}
	r.Goal = goalReport{s.goal.Wait.Seconds(), s.goal.Quantile}
	for _, m := range measurements {
		p := newPoolReport(s, m)
		ok = ok || p.Problem == ""
		r.Pools = append(r.Pools, p)
	}
	return r, ok
}

func newPoolReport(s settings, m measurement) poolReport {
	if s.fleet.Instances > 0 {
		m.instances = s.fleet.Instances
	}
	p := poolReport{Pool: m.pool, Job: m.job, Instances: m.instances, Problem: m.problem}
	if p.Problem != "" {
		return p
	}
	a, err := advise(m, s.goal)
	if err != nil {
		p.Problem = err.Error()
		return p
	}
	p.Verdict, p.AtLeast, p.Reasons = a.verdict, a.atLeast, a.reasons
	p.Load = newLoadReport(m)
	if m.capacity() > 0 {
		p.Present = newSizeReport(m, s.goal, m.size, m.overflow)
	}
	p.Recommended = newSizeReport(m, s.goal, a.size, a.overflow)
	if a.contradicted {
		p.Present.dropModel()
		p.Recommended.dropModel()
		if a.atLeast {
			p.Recommended.Utilization = 0 // the load of a larger pool is unknown
		}
	}
	if s.fleet.MaxConnections > 0 {
		p.Server = newServerReport(s, m, a)
	}
	return p
}

func newLoadReport(m measurement) *loadReport {
	l := &loadReport{Rate: m.load.Rate, HoldSeconds: (m.load.Hold - m.taking - m.other).Seconds(), TakingSeconds: m.taking.Seconds(),
		OtherSeconds: m.other.Seconds(), CV: m.load.CV}
	if m.measured() {
		wait := m.meanWait.Seconds()
		l.MeasuredSeconds, l.MeanWaitSeconds, l.Timeouts, l.Peak = m.over.Seconds(), &wait, &m.timeouts, &m.peak
	}
	return l
}

func newSizeReport(m measurement, goal sizing.Goal, size, overflow int) *sizeReport {
	r := &sizeReport{Size: size, Overflow: overflow, Utilization: m.load.Rate * m.load.Hold.Seconds() / float64(size+overflow)}
	q, err := m.load.At(size + overflow)
	if err != nil {
		r.Overloaded = errors.Is(err, sizing.ErrOverloaded)
		return r
	}
	wait, err := q.WaitQuantile(goal.Quantile)
	if err != nil {
		return r
	}
	r.Model = &modelReport{q.WaitProbability, q.MeanWait.Seconds(), wait.Seconds(), q.MeanPending}
	return r
}

func (r *sizeReport) dropModel() { r.Model, r.Overloaded = nil, false }

// serverReport says whether the recommendation fits the server.
type serverReport struct {
	MaxConnections int    `json:"max_connections"`
	Reserved       int    `json:"reserved"`
	Others         int    `json:"others"`
	Fits           bool   `json:"fits"`
	Left           int    `json:"left"`
	MaxPerInstance int    `json:"max_per_instance"`
	Text           string `json:"text"`
}

func newServerReport(s settings, m measurement, a advice) *serverReport {
	fleet := s.fleet
	fleet.Instances, fleet.Size, fleet.Overflow = m.instances, a.size, a.overflow
	r := &serverReport{MaxConnections: fleet.MaxConnections, Reserved: fleet.Reserved, Others: fleet.OtherClients}
	left, err := fleet.Left()
	most, _ := fleet.MaxPerInstance() // 0 if there is no room
	r.MaxPerInstance = most
	if err == nil {
		r.Fits, r.Left = true, left
		r.Text = fmt.Sprintf("fits: %d × %d of %d - %d reserved - %d others leave %d",
			m.instances, a.capacity(), fleet.MaxConnections, fleet.Reserved, fleet.OtherClients, left)
		return r
	}
	r.Text = fmt.Sprintf("does not fit: %d × %d is more than %d - %d reserved - %d others",
		m.instances, a.capacity(), fleet.MaxConnections, fleet.Reserved, fleet.OtherClients)
	if most == 0 {
		r.Text += "; not even one for each instance fits"
		return r
	}
	r.Text += fmt.Sprintf("; %d per instance fit: hold connections for a shorter time, raise max_connections, or run fewer instances", most)
	return r
}
