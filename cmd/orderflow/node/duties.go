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
	rests  func() bool // says whether the node gives its duties up
	do     func(context.Context) error
	log    *logrus.Entry

	held    work.Registration // that may have the duty; zero if none of this node has it
	failing bool              // at the last turn
}

// duty gives the part of the node that, soon and then each time so much has passed, does the work if the node has the
// duty. The work's context ends with the tenure under which the node has it. A node that drains gives its duties up.
func (n *Node) duty(name string, after time.Duration, do func(context.Context) error) part {
	d := &duty{
		name: name, duties: inflight.NewDuties(n.DB), tenure: n.member.Tenure, do: do,
		rests: func() bool { return rests(n.member.State()) },
		log:   n.self.entry("duty").WithField("duty", name),
	}
	return part{name: "duty " + name, run: d.each(firstTurn, after), waits: true}
}

// rests says whether a node in a state gives its duties up: it drains. One that is cordoned begins no steps; where all
// are, somebody has to look all the more.
func rests(state string) bool { return state != work.NodeActive && state != work.NodeCordoned }

// firstTurn is when a node takes the first turn of a duty: soon, so that the work is done where nodes start more often
// than the duty has turns, and not at once, so that nodes that start together know of each other.
const firstTurn = 2 * time.Second

// each gives what takes a turn soon, or as soon after that as the node is registered, and then each time so much has passed.
func (d *duty) each(soon, after time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		soon := min(soon, after)
		next := time.NewTimer(soon)
		defer next.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-next.C:
			}
			began, wait := time.Now(), soon
			if _, registered := d.tenure(); registered {
				d.turn(ctx)
				wait = after
			}
			next.Reset(wait - time.Since(began))
		}
	}
}

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

// pass is one turn. What failed may have happened all the same, so the node forgets that it has the duty only when it
// hears that it has not.
func (d *duty) pass(ctx context.Context) error {
	t, registered := d.tenure()
	if !registered {
		return nil
	}
	if d.rests() {
		return d.giveUp(ctx)
	}
	d.held = t.Registration
	held, err := d.duties.Hold(ctx, d.name, t.Registration)
	if err != nil {
		return err
	}
	if !held {
		d.held = work.Registration{}
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.Context, func() { cancel(context.Cause(t.Context)) })()
	err = d.do(ctx)
	if t.Context.Err() != nil { // whoever has the duty next does it
		return nil
	}
	return err
}

// giveUp gives up what the node may have, under the registration under which it may have it.
func (d *duty) giveUp(ctx context.Context) error {
	if d.held == (work.Registration{}) {
		return nil
	}
	if err := d.duties.GiveUp(ctx, d.name, d.held); err != nil {
		return err
	}
	d.held = work.Registration{}
	return nil
}
