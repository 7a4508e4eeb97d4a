package handlers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
)

// TestSteps_Handler_log: what is said of work names the order, and the request that placed it.
func TestSteps_Handler_log(t *testing.T) {
	logger, hook := logtest.NewNullLogger()
	b := newBench(t, func(c *StepsConfig) { c.Logger = logrus.NewEntry(logger) })
	ours := func(fields map[string]any) bool {
		return fields["order_id"] == b.id.String() && fields["correlation_id"] == "request-1"
	}
	b.exec.execute = func(context.Context, Work) error { panic("now") }
	b.must(1)
	b.exec.execute = func(context.Context, Work) error { return errors.New("no") }
	b.must(1)
	if len(hook.AllEntries()) < 3 {
		t.Errorf("%d lines of a panic, an interruption and a failure", len(hook.AllEntries()))
	}
	for _, e := range hook.AllEntries() {
		if !ours(e.Data) {
			t.Errorf("the line %q has %v; want order and correlation id", e.Message, e.Data)
		}
	}

	b.exec.succeed()
	b.fail(fault{before: domain.ErrCorrupt})
	_, err := b.deliver(t.Context())
	var about interface{ LogFields() map[string]any }
	if !errors.As(err, &about) || !ours(about.LogFields()) {
		t.Errorf("the error %v does not say which order and request it is about", err)
	}
}

// TestNode_Run_saysTrouble: that the database does not answer is said within a moment, again and
// again, and when it is over.
func TestNode_Run_saysTrouble(t *testing.T) {
	for name, lasts := range map[string]time.Duration{"shorter than the lease": 2 * time.Second, "45 seconds": 45 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logger, hook := logtest.NewNullLogger()
				c := newCluster(t)
				node, err := NewNode(NodeConfig{Info: domain.Node{Node: "n1"}, Registry: c, Logger: logrus.NewEntry(logger)})
				if err != nil {
					t.Fatal(err)
				}
				ctx, end := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- node.Run(ctx) }()
				after(500 * time.Millisecond)
				hook.Reset()
				hangs := func(ctx context.Context) error {
					<-ctx.Done()
					return ctx.Err()
				}
				c.breakRegistry(func(f *registryFaults) { f.register, f.renew = hangs, hangs })
				began := time.Now()
				after(lasts)
				c.breakRegistry(func(f *registryFaults) { f.register, f.renew = nil, nil })
				after(6 * time.Second)
				lines, last := hook.AllEntries(), began
				for _, e := range lines {
					if silent := e.Time.Sub(last); silent > 6*time.Second {
						t.Errorf("%s of silence before %q", silent, e.Message)
					}
					last = e.Time
				}
				if len(lines) < 2 || lines[0].Time.Sub(began) > 2*time.Second {
					t.Fatalf("%d lines, or the first too late: %v", len(lines), lines)
				}
				if e := lines[len(lines)-1]; e.Level != logrus.InfoLevel || e.Data["after"] == nil {
					t.Errorf("the last line is %q at %s; want how long it took", e.Message, e.Level)
				}
				end()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
