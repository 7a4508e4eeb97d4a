//go:build chaos

package crashpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Env is the variable that arms a point.
const Env = "ORDERFLOW_CHAOS_CRASH"

// point is the point that is armed, and how often it has been passed since.
type point struct {
	mu     sync.Mutex
	order  string
	passes int
}

var armed point

// forget has the passes of what is armed next counted anew.
func (p *point) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.order = ""
}

// passed counts a pass and says whether it is the one that order asks for.
func (p *point) passed(name, order string) bool {
	want, nth, counted := strings.Cut(order, ":")
	if want != name {
		return false
	}
	n, err := strconv.Atoi(nth)
	if err != nil || !counted {
		n = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.order != order {
		p.order, p.passes = order, 0
	}
	p.passes++
	return p.passes == n
}

// Here kills the process if this pass is the one that was asked for.
func Here(name string) {
	order := os.Getenv(Env)
	if path, isFile := strings.CutPrefix(order, "@"); isFile {
		text, err := os.ReadFile(path) //nolint:gosec // the harness names it
		if err != nil {
			armed.forget()
			return
		}
		order = strings.TrimSpace(string(text))
	}
	if armed.passed(name, order) {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
		select {} // until the signal has arrived
	}
}
