package operate

import (
	"context"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Controls are kept where every node reads them.
type Controls interface {
	// Read gives all controls that are set.
	Read(ctx context.Context) (work.Controls, error)
	// Set sets a control and records the operation in the same transaction. It is false, and nothing is recorded, if
	// the control has that value already.
	Set(ctx context.Context, c work.Control, op work.Operation) (bool, error)
	// Clear takes a control back. It is false, and nothing is recorded, if there is none.
	Clear(ctx context.Context, kind, name string, op work.Operation) (bool, error)
}

// Nodes is the register of nodes.
type Nodes interface {
	// List gives all registrations that are kept, the latest in front.
	List(ctx context.Context) ([]work.Node, error)
}

// Operations is the log of operations.
type Operations interface {
	// List gives operations, the newest in front: at most so many, of those before an operation; the zero id stands for
	// the end.
	List(ctx context.Context, most int, before work.OperationID) ([]work.Operation, error)
}

// Levers are the levers on the cluster, and the log of what was done with them.
type Levers struct {
	Controls   Controls
	Nodes      Nodes
	Operations Operations
}

// Done is what a lever did.
type Done struct {
	// Changed is false if things were so already.
	Changed bool `json:"changed"`
	// Now says how things are now, in a sentence.
	Now string `json:"now"`
	// Epoch is that of the registration of a node that it is for; left out where it is for none.
	Epoch int64 `json:"epoch,omitempty"`
	// Older are the live nodes that do not do so, since they run a program that reads no controls; left out if there are
	// none.
	Older []string `json:"older_nodes,omitempty"`
}

// set sets a control.
func (l Levers) set(ctx context.Context, c work.Control, by By, action, now string) (Done, error) {
	op, err := by.Operation(action, c.Name, now)
	if err != nil {
		return Done{}, err
	}
	c.Actor, c.Reason, c.SetAt = op.Actor, op.Reason, op.At
	changed, err := l.Controls.Set(ctx, c, op)
	return Done{Changed: changed, Now: now, Epoch: c.Epoch}, err
}

// clearing is a command that takes a control back: its name, what the log of operations has as its result, and how things
// are then.
type clearing struct{ action, result, now string }

// clear takes a control back.
func (l Levers) clear(ctx context.Context, c work.Control, by By, how clearing) (Done, error) {
	op, err := by.Operation(how.action, c.Name, how.result)
	if err != nil {
		return Done{}, err
	}
	changed, err := l.Controls.Clear(ctx, c.Kind, c.Name, op)
	return Done{Changed: changed, Now: how.now}, err
}

// pause is the control by which a step is paused.
func pause(step domain.Step) work.Control {
	return work.Control{Kind: work.ControlStep, Name: string(step), Value: work.ControlPaused}
}
