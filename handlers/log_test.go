package handlers

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"orderflow/domain"
	"orderflow/domain/work"
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
}

// TestNewRouter_log: what the router says of a message names the order and the request too.
func TestNewRouter_log(t *testing.T) {
	for name, f := range map[string]fault{
		"a fault of a handler":     {hook: func() { panic("bug") }},
		"an error that may pass":   {before: domain.ErrDuplicate},
		"an error that never does": {before: domain.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, logger := newBench(t), watermill.NewCaptureLogger()
				b.fail(f)
				b.running(t, b.cluster, logger)
				synctest.Wait()
				said := logger.Captured()[watermill.ErrorLogLevel]
				if len(said) != 1 {
					t.Fatalf("%d errors are said, want 1", len(said))
				}
				var about interface{ LogFields() map[string]any }
				if !errors.As(said[0].Err, &about) || about.LogFields()["order_id"] != b.id.String() || about.LogFields()["correlation_id"] != "request-1" {
					t.Errorf("the line %q with %v does not say which order and request it is about", said[0].Msg, said[0].Err)
				}
			})
		})
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
				node, err := NewNode(NodeConfig{Info: work.Node{Node: "n1"}, Registry: c, Logger: logrus.NewEntry(logger)})
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
