package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/internal/bench"
)

// benchStop is how long a process may take to drain before it is killed.
const benchStop = time.Minute

// spawn starts a node as a process of this very program.
func (b benchNodes) spawn(ctx context.Context, c bench.NodeConfig) (_ *bench.Process, err error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "orderflow-bench-")
	if err != nil {
		return nil, err
	}
	addrFile := filepath.Join(folder, "addr.json")
	// The process is not ended with ctx: it is told to drain.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, append(append([]string{"serve"}, benchFlags(c)...), "--addr-file", addrFile)...) //nolint:gosec // it is this very program
	// A file of its own, so that this process has nothing to do with what is logged.
	log, err := os.Create(filepath.Join(folder, "log")) //nolint:gosec // it is in a folder of our own
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	cmd.Stderr, cmd.SysProcAttr = log, withParent()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ORDERFLOW_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	p := &bench.Process{PID: cmd.Process.Pid, Stop: func() error {
		return errors.Join(stopProcess(cmd, ended, log.Name()), os.RemoveAll(folder))
	}}
	a, err := untilListening(ctx, addrFile, ended)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, tail(log.Name())), p.Stop())
	}
	if p.Admin = "http://" + a.Admin; a.Listen != "" {
		p.URL = "http://" + a.Listen
	}
	return p, nil
}

func untilListening(ctx context.Context, addrFile string, ended chan error) (a node.Addresses, err error) {
	ctx, cancel := context.WithTimeout(ctx, benchStart)
	defer cancel()
	for {
		text, err := os.ReadFile(addrFile) //nolint:gosec // it is in a folder of our own
		if err == nil && json.Unmarshal(text, &a) == nil {
			return a, nil
		}
		select {
		case err := <-ended:
			ended <- err
			return a, fmt.Errorf("a node ended before it listened: %w", err)
		case <-ctx.Done():
			return a, fmt.Errorf("a node did not listen within %s", benchStart)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stopProcess drains a process, and kills it if that takes too long.
func stopProcess(cmd *exec.Cmd, ended <-chan error, log string) error {
	_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended says so below
	patience := time.NewTimer(benchStop)
	defer patience.Stop()
	select {
	case err := <-ended:
		if err != nil {
			err = fmt.Errorf("a node: %w\n%s", err, tail(log))
		}
		return err
	case <-patience.C:
		killed := cmd.Process.Kill()
		return errors.Join(fmt.Errorf("a node did not stop within %s and was killed\n%s", benchStop, tail(log)), killed, <-ended)
	}
}

// tail is the end of a log, for those who ask what went wrong.
func tail(path string) string {
	const most = 4096
	text, err := os.ReadFile(path) //nolint:gosec // it is in a folder of our own
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
