package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"orderflow/cmd/orderflow/node"
)

// process is a node as a real process.
type process struct {
	node.Addresses
	t     *testing.T
	cmd   *exec.Cmd
	log   *buffer
	ended chan struct{} // closed when the process has ended
}

// start starts a node on a database file, on free ports, and waits until it listens.
// The test ends it.
func start(t *testing.T, db string, flags ...string) *process {
	t.Helper()
	return startBinary(t, program(t), db, flags...)
}

func startBinary(t *testing.T, binary, db string, flags ...string) *process {
	t.Helper()
	addrFile := filepath.Join(t.TempDir(), "addr.json")
	args := []string{"serve", "--dsn", db, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--addr-file", addrFile}
	p := &process{t: t, log: &buffer{}, ended: make(chan struct{})}
	p.cmd = exec.Command(binary, append(args, flags...)...)
	p.cmd.Env, p.cmd.Stderr = append(environment(), race), p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // what matters of it is in ProcessState
		close(p.ended)
	}()
	t.Cleanup(p.cleanup)
	eventually(t, func() (bool, string) {
		text, err := os.ReadFile(addrFile)
		if err == nil && json.Unmarshal(text, &p.Addresses) == nil {
			return true, ""
		}
		return p.hasEnded(), "the node does not listen\n" + p.log.String()
	})
	if p.hasEnded() {
		t.Fatalf("the node ended with code %d\n%s", p.cmd.ProcessState.ExitCode(), p.log)
	}
	return p
}

// untilSays waits until a text is in the log.
func (p *process) untilSays(text string) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		return strings.Contains(p.log.String(), text), fmt.Sprintf("the log does not say %q", text)
	})
}

func (p *process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

func (p *process) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}

// kill is kill -9; it returns when the process is gone.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// wait gives the exit code of a process that has been told to stop.
func (p *process) wait() int {
	p.t.Helper()
	eventually(p.t, func() (bool, string) { return p.hasEnded(), "the node runs on\n" + p.log.String() })
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) cleanup() {
	if !p.hasEnded() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	if strings.Contains(p.log.String(), "DATA RACE") {
		p.t.Error("the race detector found something")
	}
	if p.t.Failed() {
		p.t.Logf("log of node %s:\n%s", p.Node, p.log.tail(6000))
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

func (b *buffer) tail(n int) string {
	s := b.String()
	return s[max(0, len(s)-n):]
}
