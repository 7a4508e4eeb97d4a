package handlers

import (
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

func TestNewSteps(t *testing.T) {
	good := StepsConfig{Store: newCluster(t), Executor: &scripted{t: t}, Node: "n1"}
	for name, change := range map[string]func(*StepsConfig){
		"no store":               func(c *StepsConfig) { c.Store = nil },
		"no executor":            func(c *StepsConfig) { c.Executor = nil },
		"no node":                func(c *StepsConfig) { c.Node = "" },
		"negative interruptions": func(c *StepsConfig) { c.MaxInterruptions = -1 },
		"negative time-out":      func(c *StepsConfig) { c.StepTimeout = -1 },
	} {
		bad := good
		change(&bad)
		if _, err := NewSteps(bad); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", name, err)
		}
	}
	s, err := NewSteps(good)
	if err != nil || s.conf.MaxInterruptions != 3 || s.conf.StepTimeout != time.Minute {
		t.Errorf("defaults: %d interruptions, step time-out %s, err %v; want 3 and 1m", s.conf.MaxInterruptions, s.conf.StepTimeout, err)
	}
	if s.Handler("elsewhere") != nil {
		t.Error("there is a handler for an unknown topic")
	}
}

func TestSteps_Handler_noLease(t *testing.T) {
	b := newBench(t)
	msg := message.NewMessage("1", work.EncodePayload(b.id))
	if err := b.steps.Handler(work.StepTopic(domain.Scheduling))(msg); err == nil {
		t.Error("a message without a lease was handled")
	}
	b.wantLog(0, "OrderPlaced")
}
