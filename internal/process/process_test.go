package process

import (
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is the program that the tests start, if this variable says what it is to do.
const actEnv = "PROCESS_TEST_ACT"

func TestMain(m *testing.M) {
	if act := os.Getenv(actEnv); act != "" {
		os.Exit(play(act))
	}
	os.Exit(m.Run())
}

// play is a node that does nothing.
func play(act string) int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	fmt.Fprintln(os.Stderr, "variables:", slices.DeleteFunc(os.Environ(), func(v string) bool { return !strings.HasPrefix(v, "ORDERFLOW_") }))
	if act == "fail" {
		return 3
	}
	file := os.Args[slices.Index(os.Args, "--addr-file")+1]
	if err := (Addresses{Node: "n", Listen: "127.0.0.1:1", Admin: "127.0.0.1:2"}).Write(file); err != nil {
		return 4
	}
	for range told {
		if act == "drain" {
			return 0
		}
	}
	return 5
}

func started(t *testing.T, c Config) *Process {
	t.Helper()
	c.Program, c.Name = os.Args[0], "n"
	if c.Dir == "" {
		c.Dir = t.TempDir()
	}
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

func TestProcess(t *testing.T) {
	t.Setenv("ORDERFLOW_WORKERS", "7")
	dir, ended := t.TempDir(), 0
	for range 2 { // the second does not take the first's addresses for its own
		p := started(t, Config{Dir: dir, Env: []string{actEnv + "=drain", "ORDERFLOW_X=1"}, OnEnd: func(*os.ProcessState) { ended++ }})
		if p.Ended() || p.API() != "" {
			t.Errorf("at once it has ended: %v, and listens at %q", p.Ended(), p.API())
		}
		if err := p.Listening(time.Minute); err != nil || p.API() != "http://127.0.0.1:1" || p.AdminURL() != "http://127.0.0.1:2" {
			t.Errorf("it listens at %+v (%v)", p.Addresses, err)
		}
		if err := p.Stop(time.Minute); err != nil || !p.Ended() {
			t.Errorf("to stop it: %v", err)
		}
		if want := "variables: [ORDERFLOW_X=1]"; !strings.Contains(p.Log(), want) {
			t.Errorf("the log is %q, want %q", p.Log(), want)
		}
	}
	if ended != 2 {
		t.Errorf("it was told of %d ends, want 2", ended)
	}
}

// TestProcess_wrong: a process that ends, or does not, says why by the end of its log.
func TestProcess_wrong(t *testing.T) {
	p := started(t, Config{Env: []string{actEnv + "=fail"}})
	if err := p.Listening(time.Minute); err == nil || !strings.Contains(err.Error(), "exit status 3") || !strings.Contains(err.Error(), "variables:") {
		t.Errorf("one that fails: %v", err)
	}
	if err := p.Stop(time.Minute); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("to stop one that has failed: %v", err)
	}
	p = started(t, Config{Env: []string{actEnv + "=stay"}})
	if err := p.Listening(time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(50 * time.Millisecond); err == nil || !strings.Contains(err.Error(), "was killed") || !p.Ended() {
		t.Errorf("one that stays: %v, ended: %v", err, p.Ended())
	}
}
