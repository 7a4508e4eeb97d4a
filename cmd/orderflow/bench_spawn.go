package main

import (
	"context"
	"errors"
	"os"
	"time"

	"orderflow/internal/bench"
	"orderflow/internal/process"
)

// benchStop is how long a process may take to drain before it is killed.
const benchStop = time.Minute

// spawn starts a node as a process of this very program. It is not ended with ctx: it is told to drain.
func (b benchNodes) spawn(_ context.Context, c bench.NodeConfig) (*bench.Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "orderflow-bench-")
	if err != nil {
		return nil, err
	}
	p, err := process.Start(process.Config{Program: program, Flags: benchFlags(c), Dir: folder, Name: "node", WithParent: true})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	stop := func() error { return errors.Join(p.Stop(benchStop), os.RemoveAll(folder)) }
	if err := p.Listening(benchStart); err != nil {
		return nil, errors.Join(err, stop())
	}
	return &bench.Process{PID: p.ID(), Admin: p.AdminURL(), URL: p.Addresses.API(), Stop: stop}, nil
}
