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
	"sync"
	"syscall"
	"time"

	"orderflow/bench"
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
	log := &logTail{}
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
		return errors.Join(stopProcess(cmd, ended, log), os.RemoveAll(folder))
	}}
	if p.URL, err = untilListening(ctx, addrFile, ended); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, log), p.Stop())
	}
	return p, nil
}

func untilListening(ctx context.Context, addrFile string, ended chan error) (url string, err error) {
	ctx, cancel := context.WithTimeout(ctx, benchStart)
	defer cancel()
	for {
		var a addresses
		text, err := os.ReadFile(addrFile) //nolint:gosec // it is in a folder of our own
		if err == nil && json.Unmarshal(text, &a) == nil {
			return "http://" + a.Listen, nil
		}
		select {
		case err := <-ended:
			ended <- err
			return "", fmt.Errorf("a node ended before it listened: %w", err)
		case <-ctx.Done():
			return "", fmt.Errorf("a node did not listen within %s", benchStart)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// stopProcess drains a process, and kills it if that takes too long.
func stopProcess(cmd *exec.Cmd, ended <-chan error, log *logTail) error {
	_ = cmd.Process.Signal(syscall.SIGTERM) // one that has ended says so below
	patience := time.NewTimer(benchStop)
	defer patience.Stop()
	select {
	case err := <-ended:
		if err != nil {
			err = fmt.Errorf("a node: %w\n%s", err, log)
		}
		return err
	case <-patience.C:
		killed := cmd.Process.Kill()
		return errors.Join(fmt.Errorf("a node did not stop within %s and was killed\n%s", benchStop, log), killed, <-ended)
	}
}

// logTail keeps the end of what is written to it.
type logTail struct {
	mu   sync.Mutex
	text []byte
}

// tailBytes is how much of a log is kept.
const tailBytes = 4096

// Write is io.Writer.
func (l *logTail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	l.text = l.text[max(0, len(l.text)-tailBytes):]
	return len(p), nil
}

func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}
