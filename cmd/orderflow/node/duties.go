package node

import (
	"context"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

// duty is work that one node at a time does, as this node does it.
type duty struct {
	name   string
	duties *inflight.Duties
	tenure func() (work.Tenure, bool)
	rests  func() bool // says whether the node takes no work
	do     func(context.Context) error
	log    *logrus.Entry

	held    bool // at the last turn
	failing bool // at the last turn
}

// duty gives the part of the node that, each time so much has passed, does the work if the node has the duty. The work's
// context ends with the tenure under which the node has it. A node that takes no work gives its duties up.
func (n *Node) duty(name string, after time.Duration, do func(context.Context) error) part {
	d := &duty{
		name: name, duties: inflight.NewDuties(n.DB), tenure: n.member.Tenure, rests: n.rests, do: do,
		log: n.self.entry("duty").WithField("duty", name),
	}
	return part{name: "duty " + name, run: every(after, d.turn), waits: true}
}

// rests says whether the node takes no work.
func (n *Node) rests() bool { return n.member.State() != work.NodeActive }

// turn is one turn of a duty. It logs an error once, until a turn goes well.
func (d *duty) turn(ctx context.Context) {
	err := d.pass(ctx)
	switch {
	case err == nil:
		d.failing = false
	case ctx.Err() == nil && !d.failing:
		d.failing = true
		d.log.WithError(err).Warn("what one node at a time does could not be done; trying again")
	}
}

func (d *duty) pass(ctx context.Context) error {
	t, registered := d.tenure()
	if !registered {
		return nil
	}
	had := d.held
	d.held = false
	if d.rests() {
		if !had {
			return nil
		}
		return d.duties.GiveUp(ctx, d.name, t.Registration)
	}
	held, err := d.duties.Hold(ctx, d.name, t.Registration)
	if err != nil || !held {
		return err
	}
	d.held = true
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.Context, func() { cancel(context.Cause(t.Context)) })()
	err = d.do(ctx)
	if t.Context.Err() != nil { // whoever has the duty next does it
		return nil
	}
	return err
}
