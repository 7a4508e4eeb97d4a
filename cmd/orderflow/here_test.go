package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"orderflow/cmd/orderflow/node"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// call runs a command in this process.
func call(args ...string) result {
	var stdout, stderr bytes.Buffer
	code := execute(args, &stdout, &stderr)
	return result{code: code, stdout: stdout.String(), stderr: stderr.String()}
}

// database makes a database and runs commands on it, in this process, that have to succeed.
func database(t *testing.T, commands ...string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "t.db")
	schematest.WriteSQLite(t, path)
	for _, c := range commands {
		if r := call(append(strings.Fields(c), "--dsn", path)...); r.code != exitDone {
			t.Fatalf("%s exited %d\n%s%s", c, r.code, r.stdout, r.stderr)
		}
	}
	return path
}

// doctor changes a database as somebody with every right would.
func doctor(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := schema.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, s := range statements {
		if err := db.InTx(t.Context(), func(tx *schema.Tx) error { _, err := tx.ExecContext(context.Background(), s); return err }); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// here is a node in this process.
type here struct {
	*node.Node
	t      *testing.T
	logged *buffer
	end    func() error // drains and closes it, once
}

// makeHere gives a node in this process that does not run yet.
func makeHere(t *testing.T, path string, flags ...string) *here {
	t.Helper()
	c, err := parse(t, append([]string{"serve", "--dsn", path, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	logged := &buffer{}
	log, err := newLog(logged, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	n, err := node.New(t.Context(), c.Serve.config(), log)
	if err != nil {
		t.Fatal(err)
	}
	h := &here{Node: n, t: t, logged: logged, end: sync.OnceValue(n.Close)}
	t.Cleanup(func() {
		if err := h.end(); err != nil {
			t.Error(err)
		}
	})
	return h
}

// runHere runs a node in this process until the test ends; its heartbeats and steps are quick.
func runHere(t *testing.T, path string, flags ...string) *here {
	t.Helper()
	n := makeHere(t, path, append([]string{"--heartbeat", "100ms", "--lease-ttl", "1s", "--step-duration", "1ms", "--step-failure-rate", "0"}, flags...)...)
	ended := make(chan error, 1)
	go func() { ended <- n.Run(context.WithoutCancel(t.Context())) }()
	n.end = sync.OnceValue(func() error {
		n.Stop()
		return errors.Join(<-ended, n.Close())
	})
	return n
}

// ask gives the answer of a node.
func (h *here) ask(method, url, body string) (int, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// place places an order, and gives the answer.
func (h *here) place(body string) (int, string) {
	h.t.Helper()
	return h.ask(http.MethodPost, h.Addresses().API()+"/v1/orders", body)
}

// readyz is what the node says of itself.
func (h *here) readyz() (int, string) {
	h.t.Helper()
	return h.ask(http.MethodGet, h.Addresses().AdminURL()+"/readyz", "")
}

// untilReadyz waits until the node gives this answer of itself.
func (h *here) untilReadyz(code int, words string) {
	h.t.Helper()
	eventually(h.t, func() (bool, string) {
		got, text := h.readyz()
		return got == code && strings.Contains(text, words), text
	})
}

// untilLogged waits until the node's log has these words.
func (h *here) untilLogged(words string) {
	h.t.Helper()
	eventually(h.t, func() (bool, string) { return strings.Contains(h.logged.String(), words), h.logged.String() })
}
