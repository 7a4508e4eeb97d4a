package messaging_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/test"

	"orderflow/transport/messaging"
)

// orderError is an error that says what it is about.
type orderError struct{ error }

func (e *orderError) LogFields() map[string]any { return map[string]any{"order_id": "o"} }

func TestLogrusAdapter(t *testing.T) {
	log, hook := test.NewNullLogger()
	log.SetLevel(logrus.TraceLevel)
	var a watermill.LoggerAdapter = messaging.NewLogrusAdapter(log.WithField("node", "n"))
	failure := errors.New("no")
	fields := watermill.LogFields{"topic": "t"}
	for _, c := range []struct {
		level logrus.Level
		call  func()
	}{
		{logrus.ErrorLevel, func() { a.Error("said", failure, fields) }},
		{logrus.InfoLevel, func() { a.Info("said", fields) }},
		{logrus.DebugLevel, func() { a.Debug("said", fields) }},
		{logrus.TraceLevel, func() { a.Trace("said", fields) }},
	} {
		t.Run(c.level.String(), func(t *testing.T) {
			hook.Reset()
			c.call()
			e := hook.LastEntry()
			if len(hook.Entries) != 1 || e.Level != c.level || e.Message != "said" || e.Data["topic"] != "t" || e.Data["node"] != "n" {
				t.Fatalf("logged %+v", e)
			}
			if err, _ := e.Data[logrus.ErrorKey].(error); (c.level == logrus.ErrorLevel) != errors.Is(err, failure) {
				t.Fatalf("the error field is %v", e.Data[logrus.ErrorKey])
			}
		})
	}
	t.Run("fields of the error", func(t *testing.T) {
		hook.Reset()
		a.Error("said", fmt.Errorf("in: %w", &orderError{failure}), fields)
		if e := hook.LastEntry(); e.Data["order_id"] != "o" || e.Data["topic"] != "t" {
			t.Fatalf("logged %v, want the order that the error is about", e.Data)
		}
	})
	t.Run("with", func(t *testing.T) {
		with := a.With(watermill.LogFields{"group": "g", "node": "m"})
		for _, c := range []struct {
			log         watermill.LoggerAdapter
			group, node any
		}{{with, "g", "m"}, {a, nil, "n"}} {
			hook.Reset()
			c.log.Info("said", nil)
			if e := hook.LastEntry(); e.Data["group"] != c.group || e.Data["node"] != c.node {
				t.Fatalf("logged %v, want group %v and node %v", e.Data, c.group, c.node)
			}
		}
	})
	t.Run("below the level", func(t *testing.T) {
		log.SetLevel(logrus.InfoLevel)
		hook.Reset()
		a.Debug("said", nil)
		a.Trace("said", nil)
		if len(hook.Entries) != 0 {
			t.Fatalf("logged %v", hook.Entries)
		}
		fields := watermill.LogFields{"message_uuid": "u"}
		if n := testing.AllocsPerRun(10, func() { a.Trace("said", fields) }); n != 0 {
			t.Fatalf("a line that is not written takes %v allocations", n)
		}
	})
}
