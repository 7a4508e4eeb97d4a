// Package scripts_test runs the operators' scripts on a real database.
package scripts_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"orderflow/internal/process"
)

// system is a database with orders that have ended, and the program. The tests copy the
// database.
var system struct{ program, db string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "orderflow-scripts-")
	if err == nil {
		err = prepare(dir)
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// prepare builds the program, and has nodes run three orders to Completed and three to
// Failed.
func prepare(dir string) error {
	system.program, system.db = filepath.Join(dir, "orderflow"), filepath.Join(dir, "orders.db")
	// With the flags of the tests' own builds, so that the build cache serves both.
	if err := run(exec.Command("go", "build", "-race", "-o", system.program, "../cmd/orderflow")); err != nil {
		return err
	}
	if err := run(program("migrate")); err != nil {
		return err
	}
	if err := runOrders("Completed", "0", "order-0", "order-1", "order-2"); err != nil {
		return err
	}
	return runOrders("Failed", "1", "order-3", "order-4", "order-5")
}

// runOrders places orders and has a node run them until they have the status.
func runOrders(status, failureRate string, trackingIDs ...string) error {
	for _, id := range trackingIDs {
		if err := run(program("orders", "place", "--tracking-id", id)); err != nil {
			return err
		}
	}
	node, err := process.Start(process.Config{
		Program: system.program, Flags: []string{"--step-duration", "1ms", "--step-failure-rate", failureRate},
		Env: variables(system.db), Dir: filepath.Dir(system.db), Name: "node",
	})
	if err != nil {
		return err
	}
	return errors.Join(untilEnded(status, len(trackingIDs)), node.Stop(time.Minute))
}

// untilEnded waits until as many orders have a status.
func untilEnded(status string, orders int) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		found, err := list("--status", status)
		if err != nil || len(found) == orders {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d orders are %s: %w", len(found), orders, status, ctx.Err())
		case <-tick.C:
		}
	}
}

// list gives the ids of orders, newest first.
func list(flags ...string) ([]string, error) {
	cmd := program(append([]string{"orders", "list", "--json"}, flags...)...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	if err := run(cmd); err != nil {
		return nil, err
	}
	var page struct {
		Orders []struct {
			OrderID string `json:"order_id"`
		} `json:"orders"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &page); err != nil {
		return nil, err
	}
	var ids []string
	for _, o := range page.Orders {
		ids = append(ids, o.OrderID)
	}
	return ids, nil
}

func program(args ...string) *exec.Cmd {
	cmd := exec.Command(system.program, args...)
	cmd.Env = environment(system.db)
	return cmd
}

// environment has nothing that configures the program but the database.
func environment(db string) []string { return process.Environment(variables(db)...) }

func variables(db string) []string {
	return []string{"ORDERFLOW_DSN=" + db, "ORDERFLOW_BIN=" + system.program, "GORACE=exitcode=99 atexit_sleep_ms=0"}
}

// run runs a command that has to succeed.
func run(cmd *exec.Cmd) error {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, said.String())
	}
	return nil
}
