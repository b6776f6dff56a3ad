package stack

import (
	"context"
	"path/filepath"
)

// DemoSettings say how to start the demo.
type DemoSettings struct {
	Program string   // see [BuildDemo]
	Address string   // to listen on; the default is a free loopback port
	Env     []string // added to the program's environment
	Dir     string   // for the program's log
}

// Demo is the running demo.
type Demo struct {
	*Process
	Address string // as this machine reaches it
}

// StartDemo starts the demo, and waits until it serves its pages.
func StartDemo(ctx context.Context, s DemoSettings) (d *Demo, err error) {
	err = startOnFree(func() (err error) {
		d, err = startDemo(ctx, s)
		return err
	}, &s.Address)
	return d, err
}

func startDemo(ctx context.Context, s DemoSettings) (*Demo, error) {
	process, err := Start(Command{
		Name: "demo", Path: s.Program, Env: append([]string{"ADDR=" + s.Address, "DURATION=0"}, s.Env...), Log: filepath.Join(s.Dir, "demo.log"),
	})
	if err != nil {
		return nil, err
	}
	d := &Demo{Process: process, Address: reachable(s.Address)}
	err = d.Await(ctx, func(ctx context.Context) error {
		_, err := Get(ctx, "http://"+d.Address+"/metrics")
		return err
	})
	if err != nil {
		return nil, joinStop(err, process)
	}
	return d, nil
}
