package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// LeversOf are the levers on the cluster of a database.
func LeversOf(db *schema.DB) operate.Levers {
	return operate.Levers{Controls: operations.NewControls(db), Nodes: inflight.NewNodes(db), Operations: operations.NewLog(db)}
}

// wanted is what operators want of the cluster, as of the last heartbeat. While the database does not answer, it is what
// was known before. It may be asked at any time.
type wanted struct {
	read func(context.Context) (work.Controls, error)
	self self
	// suspect hears of a database that cannot be asked, as that of an older schema cannot.
	suspect func()
	last    atomic.Pointer[work.Controls] // nil: nothing is known yet
}

// newWanted reads once. If that fails, nothing is known yet.
func newWanted(ctx context.Context, guard *guard, self self) *wanted {
	w := &wanted{read: operations.NewControls(guard.db).Read, self: self, suspect: guard.suspect}
	w.look(ctx)
	return w
}

// controlsTimeout bounds one reading.
const controlsTimeout = 5 * time.Second

// look reads all controls. Other parts report a database that does not answer.
func (w *wanted) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, controlsTimeout)
	defer cancel()
	controls, err := w.read(ctx)
	switch {
	case err == nil:
		w.last.Store(&controls)
	case errors.Is(err, schema.ErrStatement):
		w.suspect()
	case errors.Is(err, schema.ErrBusy):
		w.self.entry("controls").WithError(err).Warn("what operators want of the cluster cannot be read, since another process holds rows locked; what was known before holds on")
	}
}

// controls are those that are known.
func (w *wanted) controls() work.Controls {
	if all := w.last.Load(); all != nil {
		return *all
	}
	return nil
}

// unknown says that nothing is known yet; nil otherwise.
func (w *wanted) unknown() error {
	if w.last.Load() == nil {
		return fmt.Errorf("%w: the node does not know yet what operators want of the cluster, and begins nothing", domain.ErrUnavailable)
	}
	return nil
}

// known gives the controls that are known, or says that none are yet.
func (w *wanted) known(context.Context) (work.Controls, error) { return w.controls(), w.unknown() }

// held says that no message of a topic may be begun on this node.
func (w *wanted) held(topic string) bool {
	all := w.last.Load()
	return all == nil || all.PauseOf(topic) != nil || all.Cordoned(w.self.name) != nil
}

// followControls looks at once, and then as often as there are heartbeats, and has the node do what is wanted of it.
func (n *Node) followControls(ctx context.Context) error {
	f := follower{n: n, flag: n.self.log.GetLevel(), paused: map[domain.Step]bool{}}
	cuts := n.cuts()
	look := func(ctx context.Context) {
		n.wanted.look(ctx)
		f.follow(n.wanted.controls())
		cuts.look(ctx, n.wanted.controls().Cut())
	}
	look(ctx)
	return every(n.conf.Heartbeat, look)(ctx)
}

// follower has the node do what is wanted of it, and says once what that is.
type follower struct {
	n    *Node
	flag logrus.Level // that the node was started with

	paused         map[domain.Step]bool
	cordoned, ends bool
	level          logrus.Level // that was set here; 0 if none was
}

func (f *follower) follow(all work.Controls) {
	for _, step := range domain.Steps() {
		if c := all.Paused(step); c != nil != f.paused[step] {
			f.paused[step] = c != nil
			f.sayPaused(step, c)
		}
	}
	if all.Cordoned(f.n.self.name) != nil != f.cordoned {
		f.cordon(all.Cordoned(f.n.self.name))
	}
	tenure, in := f.n.member.Tenure()
	if !in { // what is for one registration holds on
		return
	}
	f.setLevel(all.LogLevel(tenure.Registration))
	if c := all.Ending(tenure.Registration); c != nil {
		f.end(c)
	}
}

// said is the log for what somebody wants; nil is nobody.
func (f *follower) said(c *work.Control) *logrus.Entry {
	entry := f.n.self.entry("controls")
	if c == nil {
		return entry
	}
	return entry.WithFields(logrus.Fields{"actor": c.Actor, "reason": c.Reason})
}

func (f *follower) sayPaused(step domain.Step, c *work.Control) {
	entry := f.said(c).WithField("step", step)
	if c != nil {
		entry.Info("a step is paused: it is not begun, and what runs goes on to its end")
		return
	}
	entry.Info("a step is resumed")
}

func (f *follower) cordon(c *work.Control) {
	f.cordoned = c != nil
	f.n.member.Cordon(f.cordoned)
	if f.cordoned {
		f.said(c).Info("the node is cordoned: it begins no work, and stays")
		return
	}
	f.said(nil).Info("the node is not cordoned any more")
}

// setLevel sets the level of the log, or takes it back.
func (f *follower) setLevel(c *work.Control) {
	level, log := f.flag, f.n.self.log
	if c == nil && f.level == 0 {
		return
	}
	if c != nil {
		parsed, err := logrus.ParseLevel(c.Value)
		if err != nil {
			return // a newer program's
		}
		level = parsed
	}
	if level == f.level {
		return
	}
	f.level = level
	log.SetLevel(max(level, logrus.InfoLevel)) // so that it is said
	f.said(c).WithField("log_level", level.String()).Info("the log level is set")
	log.SetLevel(level)
}

// end has the node drain, or stop.
func (f *follower) end(c *work.Control) {
	n := f.n
	switch {
	case c.Value == work.ControlStopping && n.life.stopping.Err() == nil:
		f.said(c).Info("stopping: draining first")
		n.Stop()
	case c.Value == work.ControlDraining && !f.ends:
		f.ends = true
		f.said(c).Info("draining: the node begins no work, and ends when what runs has ended")
		n.member.Drain()
		go n.stopWhenDrained()
	}
}

// stopWhenDrained waits for as long as what runs takes, unless the node is stopped meanwhile.
func (n *Node) stopWhenDrained() {
	if n.worker == nil || n.worker.subscriber.Drain(n.life.stopping) == nil {
		n.Stop()
	}
}
