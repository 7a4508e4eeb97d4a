package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"orderflow/internal/process"
)

// spawned is a node as a real process.
type spawned struct {
	*process.Process
	t *testing.T
}

// start starts a node on a database file, on free ports, and waits until it listens.
// The test ends it.
func start(t *testing.T, db string, flags ...string) *spawned {
	t.Helper()
	return startBinary(t, program(t), db, flags...)
}

func startBinary(t *testing.T, binary, db string, flags ...string) *spawned {
	t.Helper()
	p, err := process.Start(process.Config{
		Program: binary, Flags: append([]string{"--dsn", db}, flags...), Env: []string{race}, Dir: t.TempDir(), Name: "node",
	})
	if err != nil {
		t.Fatal(err)
	}
	s := &spawned{p, t}
	t.Cleanup(s.cleanup)
	if err := p.Listening(patience); err != nil {
		t.Fatal(err)
	}
	return s
}

// untilSays waits until a text is in the log.
func (p *spawned) untilSays(text string) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		return strings.Contains(p.Log(), text), fmt.Sprintf("the log does not say %q", text)
	})
}

func (p *spawned) signal(s os.Signal) {
	p.t.Helper()
	if err := p.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// wait gives the exit code of a process that has been told to stop.
func (p *spawned) wait() int {
	p.t.Helper()
	eventually(p.t, func() (bool, string) { return p.Ended(), "the node runs on\n" + p.Log() })
	return p.State().ExitCode()
}

func (p *spawned) cleanup() {
	if !p.Ended() {
		p.Kill()
	}
	if strings.Contains(p.Log(), "DATA RACE") {
		p.t.Error("the race detector found something")
	}
	if p.t.Failed() {
		p.t.Logf("log of node %s:\n%s", p.Node, p.Tail())
	}
}

// buffer is a bytes.Buffer that may be read while it is written.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *buffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}
