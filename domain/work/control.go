package work

import (
	"time"

	"orderflow/domain"
)

// Control is something that operators want of the cluster until they take it back, and who wants it.
type Control struct {
	Kind   string // one of the Control constants
	Name   string // of a step, a node or an order
	Value  string
	Epoch  int64 // of the one registration of the node that it is for; 0 where it is for none
	Actor  string
	Reason string
	SetAt  time.Time
}

// The kinds of control. There is one control of a kind and name at most.
const (
	ControlStep     = "step"     // the step is ControlPaused
	ControlNode     = "node"     // the node is ControlCordoned, whatever its registration
	ControlEnd      = "end"      // the registration is ControlDraining or ControlStopping
	ControlLogLevel = "loglevel" // the registration logs from the level on that is the value
	ControlCut      = "cut"      // the running step of the order is to be interrupted
)

// The values of controls.
const (
	ControlPaused   = "paused"
	ControlCordoned = "cordoned"
	ControlDraining = "draining" // claims nothing, and ends when what runs has ended, however long that takes
	ControlStopping = "stopping" // as after SIGTERM
	ControlCutNow   = "now"
)

// Controls are all controls in force.
type Controls []Control

// find is the control of a kind and name; nil if there is none.
func (all Controls) find(kind, name string) *Control {
	for i := range all {
		if all[i].Kind == kind && all[i].Name == name {
			return &all[i]
		}
	}
	return nil
}

// Paused is the control that keeps a step from being begun; nil if there is none.
func (all Controls) Paused(step domain.Step) *Control { return all.find(ControlStep, string(step)) }

// PauseOf is the control by which the messages of a topic wait; nil if there is none, as for rollbacks always.
func (all Controls) PauseOf(topic string) *Control {
	if len(all) == 0 {
		return nil
	}
	for _, step := range domain.Steps() {
		if StepTopic(step) == topic {
			return all.Paused(step)
		}
	}
	return nil
}

// Cordoned is the control by which a node begins nothing; nil if there is none.
func (all Controls) Cordoned(node string) *Control { return all.find(ControlNode, node) }

// Ending is the control by which a registration is to end; nil if there is none.
func (all Controls) Ending(of Registration) *Control { return all.ofRegistration(ControlEnd, of) }

// LogLevel is the control that says from which level on a registration logs; nil if there is none.
func (all Controls) LogLevel(of Registration) *Control {
	return all.ofRegistration(ControlLogLevel, of)
}

func (all Controls) ofRegistration(kind string, of Registration) *Control {
	if c := all.find(kind, of.Node); c != nil && c.Epoch == of.Epoch {
		return c
	}
	return nil
}

// Cut are the orders whose running step is to be interrupted, with who wants it.
func (all Controls) Cut() map[domain.OrderID]Control {
	var cut map[domain.OrderID]Control
	for _, c := range all {
		if id, err := domain.ParseOrderID(c.Name); c.Kind == ControlCut && err == nil {
			if cut == nil {
				cut = map[domain.OrderID]Control{}
			}
			cut[id] = c
		}
	}
	return cut
}
