package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"orderflow/internal/chaos/boottime"
	"orderflow/internal/chaos/judge"
	"orderflow/internal/process"
)

// Config is what nodes are started with.
type Config struct {
	Binary string
	Dir    string // for logs, records and what nodes are told
	DSN    string
	DSNs   []string // a DSN of its own for each node, if it has one
	Nodes  int
	// Flags are those of `serve`, and FlagsOf more for one node.
	Flags   []string
	FlagsOf func(node int) []string
}

// calls is the file of the executors' calls.
func (c Config) calls() string { return filepath.Join(c.Dir, "calls.jsonl") }

// startWait is how long a node may take to listen.
const startWait = 30 * time.Second

// Node is one place in the cluster: one process after another.
type Node struct {
	Name    string
	conf    Config
	records *Records
	index   int

	mu       sync.Mutex
	process  *process.Process // the present one, or the last
	listens  process.Addresses
	expected bool // the process was told to end
	stopped  bool // by SIGSTOP
}

func (n *Node) file(kind string) string {
	return filepath.Join(n.conf.Dir, n.Name+"."+kind)
}

// Start starts a process with more variables in its environment, in place of the one
// before, and waits until it listens.
func (n *Node) Start(env ...string) error {
	n.Kill() // two processes of one place would not both be known
	conf := n.conf
	dsn := conf.DSN
	if n.index < len(conf.DSNs) {
		dsn = conf.DSNs[n.index]
	}
	flags := append([]string{"--dsn", dsn, "--node-id", n.Name}, conf.Flags...)
	if conf.FlagsOf != nil {
		flags = append(flags, conf.FlagsOf(n.index)...)
	}
	p, err := n.begin(process.Config{
		Program: conf.Binary, Flags: flags, Dir: conf.Dir, Name: n.Name, OnEnd: n.ended,
		Env: append([]string{"ORDERFLOW_CHAOS_CALLS=" + conf.calls(), "ORDERFLOW_CHAOS_CRASH=@" + n.file("crash")}, env...),
	})
	if err != nil {
		return err
	}
	if err := p.Listening(startWait); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.listens = p.Addresses
	return nil
}

// begin starts a process that others see before it listens.
func (n *Node) begin(conf process.Config) (*process.Process, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	p, err := process.Start(conf)
	if err != nil {
		return nil, err
	}
	n.process, n.listens, n.expected, n.stopped = p, process.Addresses{}, false, false
	n.records.Record(judge.Incident{What: "up", Node: n.Name, PID: p.ID()})
	return p, nil
}

// ended records the end of a process.
func (n *Node) ended(s *os.ProcessState) {
	n.records.Record(judge.Incident{What: "gone", Node: n.Name, PID: s.Pid(), Why: s.String()})
	n.mu.Lock()
	defer n.mu.Unlock()
	// Nobody else kills here, and who is armed may die just after it was disarmed.
	if !killed(s) && (!n.expected || !s.Success()) {
		n.records.surprise(surprise{
			at: boottime.Now(), what: fmt.Sprintf("%s (process %d): %s", n.Name, s.Pid(), s), drain: n.expected && s.Exited(),
		})
	}
}

func killed(s *os.ProcessState) bool {
	status, ok := s.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// Up says whether the node can be spoken to.
func (n *Node) Up() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process != nil && !n.process.Ended() && !n.stopped && n.listens.Admin != ""
}

// API is where customers reach the node.
func (n *Node) API() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listens.API()
}

// Admin is where operators reach it.
func (n *Node) Admin() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listens.AdminURL()
}

// PID is that of the node's present process, or its last.
func (n *Node) PID() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.process.ID()
}

// signal sends s to the process, if it is there, and gives it. expected says that it may end.
func (n *Node) signal(s syscall.Signal, expected bool) *process.Process {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil || n.process.Ended() {
		return nil
	}
	n.expected = n.expected || expected
	_ = n.process.Signal(s) // it may have ended at this moment
	return n.process
}

// Kill is kill -9; it returns when the process is gone.
func (n *Node) Kill() {
	if p := n.signal(syscall.SIGKILL, true); p != nil {
		p.Kill()
	}
}

// Stop is SIGSTOP.
func (n *Node) Stop() {
	n.records.Record(judge.Incident{What: "stop", Node: n.Name, PID: n.PID()})
	n.setStopped(true)
	n.signal(syscall.SIGSTOP, false)
}

// Continue is SIGCONT.
func (n *Node) Continue() {
	n.signal(syscall.SIGCONT, false)
	n.setStopped(false)
	n.records.Record(judge.Incident{What: "cont", Node: n.Name, PID: n.PID()})
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
	return p.Gone(within)
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
