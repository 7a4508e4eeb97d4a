package cluster

import (
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

	"orderflow/internal/chaos/judge"
)

// startWait is how long a node may take to listen.
const startWait = 30 * time.Second

// Node is one place in the cluster: one process after another.
type Node struct {
	Name    string
	cluster *Cluster
	index   int

	mu        sync.Mutex
	process   *process
	addresses addresses
	stopped   bool // by SIGSTOP
}

// process is one process and what is expected of it.
type process struct {
	cmd      *exec.Cmd
	gone     chan struct{}
	expected bool // it was told to end
}

// addresses is what a node writes to its --addr-file.
type addresses struct {
	Listen string `json:"listen"`
	Admin  string `json:"admin"`
}

func (n *Node) file(kind string) string {
	return filepath.Join(n.cluster.conf.Dir, n.Name+"."+kind)
}

// Start starts a process with more variables in its environment, in place of the one
// before, and waits until it listens.
func (n *Node) Start(env ...string) error {
	n.Kill() // two processes of one place would not both be known
	o := n.cluster.conf
	_ = os.Remove(n.file("addr")) // of the process before
	dsn := o.DSN
	if n.index < len(o.DSNs) {
		dsn = o.DSNs[n.index]
	}
	args := append([]string{
		"serve", "--dsn", dsn, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--addr-file", n.file("addr"), "--node-id", n.Name,
	}, o.Flags...)
	if o.FlagsOf != nil {
		args = append(args, o.FlagsOf(n.index)...)
	}
	log, err := os.OpenFile(n.file("log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(o.Binary, args...) //nolint:gosec,noctx // it was built for this, and is ended by Kill
	cmd.Stderr, cmd.Stdout = log, log
	cmd.Env = append(environment(), "ORDERFLOW_CHAOS_CALLS="+n.cluster.Calls(), "ORDERFLOW_CHAOS_CRASH=@"+n.file("crash"))
	cmd.Env = append(cmd.Env, env...)
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &process{cmd: cmd, gone: make(chan struct{})}
	n.mu.Lock()
	n.process, n.addresses, n.stopped = p, addresses{}, false
	n.mu.Unlock()
	n.cluster.Record(judge.Incident{What: "up", Node: n.Name, PID: cmd.Process.Pid})
	go n.watch(p)
	return n.awaitListening(p)
}

func (n *Node) awaitListening(p *process) error {
	deadline := time.Now().Add(startWait)
	for time.Now().Before(deadline) {
		var a addresses
		text, err := os.ReadFile(n.file("addr"))
		if err == nil && json.Unmarshal(text, &a) == nil {
			n.mu.Lock()
			n.addresses = a
			n.mu.Unlock()
			return nil
		}
		select {
		case <-p.gone:
			return fmt.Errorf("node %s ended before it listened (see its log)", n.Name)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("node %s does not listen within %s", n.Name, startWait)
}

// watch records the end of a process.
func (n *Node) watch(p *process) {
	err := p.cmd.Wait()
	n.cluster.Record(judge.Incident{What: "gone", Node: n.Name, PID: p.cmd.Process.Pid, Why: p.cmd.ProcessState.String()})
	n.mu.Lock()
	// Nobody else kills here, and who is armed may die just after it was disarmed.
	if !killed(err) && (!p.expected || err != nil) {
		n.cluster.surprise(fmt.Sprintf("%s (process %d): %s", n.Name, p.cmd.Process.Pid, p.cmd.ProcessState))
	}
	n.mu.Unlock()
	close(p.gone)
}

func killed(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Up says whether the node can be spoken to.
func (n *Node) Up() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process != nil && !isGone(n.process) && !n.stopped && n.addresses.Admin != ""
}

// API is where customers reach the node; Admin where operators do.
func (n *Node) API() string { return n.address(func(a addresses) string { return a.Listen }) }

// Admin is where operators reach it.
func (n *Node) Admin() string { return n.address(func(a addresses) string { return a.Admin }) }

func (n *Node) address(which func(addresses) string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return "http://" + which(n.addresses)
}

// PID is that of the node's present process, or its last.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process.cmd.Process.Pid
}

func isGone(p *process) bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// signal sends s to the process, if it is there. expected says that it may end.
func (n *Node) signal(s syscall.Signal, expected bool) *process {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil || isGone(n.process) {
		return nil
	}
	n.process.expected = n.process.expected || expected
	_ = n.process.cmd.Process.Signal(s) // it may have ended at this moment
	return n.process
}

// Kill is kill -9; it returns when the process is gone.
func (n *Node) Kill() {
	if p := n.signal(syscall.SIGKILL, true); p != nil {
		<-p.gone
	}
}

// Stop is SIGSTOP.
func (n *Node) Stop() {
	n.cluster.Record(judge.Incident{What: "stop", Node: n.Name, PID: n.PID()})
	n.setStopped(true)
	n.signal(syscall.SIGSTOP, false)
}

// Continue is SIGCONT.
func (n *Node) Continue() {
	n.signal(syscall.SIGCONT, false)
	n.setStopped(false)
	n.cluster.Record(judge.Incident{What: "cont", Node: n.Name, PID: n.PID()})
}

func (n *Node) setStopped(stopped bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stopped = stopped
}

// Terminate is SIGTERM, which drains the node.
func (n *Node) Terminate() { n.signal(syscall.SIGTERM, true) }

// Gone waits for the end of the process, and says whether it came in time.
func (n *Node) Gone(within time.Duration) bool {
	n.mu.Lock()
	p := n.process
	n.mu.Unlock()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-p.gone:
		return true
	case <-timer.C:
		return isGone(p)
	}
}

// Arm has the process kill itself when it passes a crash point for the nth time from now.
func (n *Node) Arm(point string, nth int) error {
	temporary := n.file("crash.tmp")
	if err := os.WriteFile(temporary, fmt.Appendf(nil, "%s:%d\n", point, nth), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, n.file("crash"))
}

// Disarm takes the order back, unless there is another by now.
func (n *Node) Disarm(point string) {
	text, err := os.ReadFile(n.file("crash"))
	if err == nil && strings.HasPrefix(string(text), point+":") {
		_ = os.Remove(n.file("crash")) // it may be gone by now
	}
}

// environment is that of this process without what configures the program.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ORDERFLOW_") {
			env = append(env, v)
		}
	}
	return env
}
