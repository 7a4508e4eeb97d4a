package handlers

import (
	"context"
	"errors"
	"testing"

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
