package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestE2E_Idle measures what a node costs that has nothing to do.
func TestE2E_Idle(t *testing.T) {
	t.Parallel()
	const (
		// A second: nine that every node sends, and those of the duties, which one node has. Rounds of the watchdog and of
		// the diagnoses come every 15 s, so that a window may have one of each, or none.
		most   = 16
		window = 8 * time.Second
	)
	p := start(t, filepath.Join(t.TempDir(), "orders.db"), "--step-duration", "10ms", "--step-failure-rate", "0")
	p.api().place(1)
	p.untilEnded(1)
	eventually(t, func() (bool, string) { return !p.stat().WatchdogAt.IsZero(), "the first turns of the duties" })

	before, cpuBefore, at := p.stat(), p.cpu(), time.Now()
	<-time.After(window) // what is measured is time going by
	cpu, after, took := p.cpu()-cpuBefore, p.stat(), time.Since(at)
	rate := float64(after.Statements-before.Statements-1) / took.Seconds() // one was the count for /command/stat
	t.Logf("idle: %.1f statements a second; %.2f %% of a core, in a binary with the race detector", rate, 100*cpu.Seconds()/took.Seconds())
	if rate >= most {
		t.Errorf("an idle node sends %.1f statements a second, want fewer than %d", rate, most)
	}
	if rate < 1 {
		t.Errorf("an idle node sends %.1f statements a second: it does not even send heartbeats", rate)
	}
}

// cpu is the processor time that the process has used, by /proc; 0 where there is none.
func (p *spawned) cpu() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0
	}
	// After the name, which is in parentheses: state, ten numbers, utime, stime.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	const utime, stime, tick = 11, 12, 10 * time.Millisecond
	if len(fields) <= stime {
		return 0
	}
	user, _ := strconv.Atoi(fields[utime])
	system, _ := strconv.Atoi(fields[stime])
	return time.Duration(user+system) * tick
}
