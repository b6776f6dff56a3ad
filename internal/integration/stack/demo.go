package stack

import (
	"context"
	"path/filepath"
)

// DemoSettings say how to start the demo.
type DemoSettings struct {
	Program string
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
func StartDemo(ctx context.Context, s DemoSettings) (*Demo, error) {
	process, err := startOnFree(func() (*Process, error) {
		return StartReady(ctx, Command{
			Name: "demo", Path: s.Program, Env: append([]string{"ADDR=" + s.Address, "DURATION=0"}, s.Env...), Log: filepath.Join(s.Dir, "demo.log"),
		}, serves("http://"+reachable(s.Address)+"/metrics"))
	}, &s.Address)
	if err != nil {
		return nil, err
	}
	return &Demo{process, reachable(s.Address)}, nil
}
