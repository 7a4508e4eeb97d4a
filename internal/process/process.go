package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Config says what to start.
type Config struct {
	Program string
	Flags   []string // of "orderflow serve", but for those that say where it listens
	Env     []string // more variables
	// Dir is where the log and the file of the addresses are, under Name.
	Dir, Name string
	// WithParent has the process told to drain when this one is gone, however it ended. Linux only.
	WithParent bool
	// OnEnd is called when the process has ended, before others learn of it.
	OnEnd func(*os.ProcessState)
}

// Process is one node.
type Process struct {
	Addresses // zero until it listens
	name      string
	cmd       *exec.Cmd
	log, addr string
	gone      chan struct{} // closed when it has ended
}

// Start starts a node on free ports of the loopback. Its log goes to the end of Dir/Name.log.
func Start(c Config) (*Process, error) {
	base := filepath.Join(c.Dir, c.Name)
	p := &Process{name: c.Name, log: base + ".log", addr: base + ".addr", gone: make(chan struct{})}
	_ = os.Remove(p.addr) // of a process before
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--addr-file", p.addr}, c.Flags...)
	p.cmd = exec.Command(c.Program, args...) //nolint:gosec,noctx // the caller names it; it is ended by Stop or Kill
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = log, log, Environment(c.Env...)
	if c.WithParent {
		p.cmd.SysProcAttr = withParent()
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // what matters of it is in the state
		if c.OnEnd != nil {
			c.OnEnd(p.cmd.ProcessState)
		}
		close(p.gone)
	}()
	return p, nil
}

// Environment is that of this process without the variables that configure the program, and with more.
func Environment(more ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ORDERFLOW_") {
			env = append(env, v)
		}
	}
	return append(env, more...)
}

// Listening waits until the node listens, and reads its addresses. A node that ended before is an error
// with the end of its log.
func (p *Process) Listening(within time.Duration) error {
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if a, there := readAddresses(p.addr); there {
			p.Addresses = a
			return nil
		}
		select {
		case <-p.gone:
			return fmt.Errorf("node %s ended before it listened: %s\n%s", p.name, p.State(), p.Tail())
		case <-deadline.C:
			return fmt.Errorf("node %s does not listen within %s\n%s", p.name, within, p.Tail())
		case <-tick.C:
		}
	}
}

// ID is the process's number.
func (p *Process) ID() int { return p.cmd.Process.Pid }

// State is how a process ended that is gone.
func (p *Process) State() *os.ProcessState { return p.cmd.ProcessState }

// Signal sends a signal. That the process has ended is an error.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Ended says whether the process is gone.
func (p *Process) Ended() bool { return p.Gone(0) }

// Gone waits until the process is gone, and says whether that was in time.
func (p *Process) Gone(within time.Duration) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.gone:
		return true
	case <-timer.C:
	}
	select { // both were there
	case <-p.gone:
		return true
	default:
		return false
	}
}

// Kill is kill -9; it returns when the process is gone.
func (p *Process) Kill() {
	_ = p.Signal(syscall.SIGKILL) // one that has ended needs none
	<-p.gone
}

// Stop drains the node, and kills it if that takes too long. A node that does not exit 0 is an error with
// the end of its log.
func (p *Process) Stop(within time.Duration) error {
	_ = p.Signal(syscall.SIGTERM) // one that has ended says so below
	if !p.Gone(within) {
		p.Kill()
		return fmt.Errorf("node %s did not stop within %s and was killed\n%s", p.name, within, p.Tail())
	}
	if !p.State().Success() {
		return fmt.Errorf("node %s: %s\n%s", p.name, p.State(), p.Tail())
	}
	return nil
}

// Log is what the node has logged, and other processes before it under its name.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err.Error()
	}
	return string(text)
}

// Tail is the end of the log, for those who ask what went wrong.
func (p *Process) Tail() string {
	const most = 6000
	text := p.Log()
	return text[max(0, len(text)-most):]
}
