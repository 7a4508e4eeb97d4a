package operate

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Node is a registration of a node as it is told.
type Node struct {
	Node        string    `json:"node"`
	Epoch       int64     `json:"epoch"`
	State       string    `json:"state"` // that the node tells: work.NodeActive and so on
	Alive       bool      `json:"alive"` // its leases are good, by the database's clock
	Slots       int       `json:"slots"`
	Busy        int       `json:"busy"`
	Host        string    `json:"host"`
	PID         int       `json:"pid"`
	Version     string    `json:"version"`
	Roles       string    `json:"roles"`
	Admin       string    `json:"admin"`
	StartedAt   time.Time `json:"started_at"`
	HeartbeatAt time.Time `json:"heartbeat_at"`
	ExpiresAt   time.Time `json:"expires_at"`
	EventLevel  int       `json:"event_level"` // the highest level of events that it reads
	// Wanted is what operators want of it.
	Wanted []Wanted `json:"wanted"`
}

// Wanted is what an operator wants of a node.
type Wanted struct {
	What   string    `json:"what"` // cordoned, draining, stopping, or the level of its log
	Actor  string    `json:"actor"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// List gives registrations of nodes, the latest in front: those that are alive, or all that are kept.
func (l Levers) List(ctx context.Context, all bool) ([]Node, error) {
	registered, err := l.Nodes.List(ctx)
	if err != nil {
		return nil, err
	}
	controls, err := l.Controls.Read(ctx)
	if err != nil {
		return nil, err
	}
	return Told(registered, controls, all), nil
}

// Told gives registrations as they are told: those that are alive, or all.
func Told(registered []work.Node, controls work.Controls, all bool) []Node {
	nodes := []Node{}
	for _, n := range registered {
		if n.Expired && !all {
			continue
		}
		nodes = append(nodes, Node{
			Node: n.Node, Epoch: n.Epoch, State: n.State, Alive: !n.Expired, Slots: n.Slots, Busy: n.Busy, Host: n.Host, PID: n.PID,
			Version: n.Version, Roles: n.Roles, Admin: n.Admin, StartedAt: n.StartedAt, HeartbeatAt: n.HeartbeatAt, ExpiresAt: n.ExpiresAt,
			EventLevel: n.EventLevel, Wanted: wantedOf(controls, n),
		})
	}
	return nodes
}

func wantedOf(controls work.Controls, n work.Node) []Wanted {
	of := work.Registration{Node: n.Node, Epoch: n.Epoch}
	wanted := []Wanted{}
	for _, c := range []*work.Control{controls.Cordoned(n.Node), controls.Ending(of), controls.LogLevel(of)} {
		if c != nil && !n.Expired {
			wanted = append(wanted, Wanted{What: c.Value, Actor: c.Actor, Reason: c.Reason, Since: c.SetAt})
		}
	}
	return wanted
}

// NoNodeError says that no live node has a name. It is of kind domain.ErrNotFound.
type NoNodeError struct {
	Node string
	Live []string // the names of those that there are
}

func (e *NoNodeError) Error() string {
	return fmt.Sprintf("there is no live node %q (there is %s)", domain.Shorten(e.Node), domain.List(e.Live))
}

// Is makes it a domain.ErrNotFound.
func (e *NoNodeError) Is(target error) bool { return target == domain.ErrNotFound }

// live is the live registration of a name; a *NoNodeError if there is none.
func (l Levers) live(ctx context.Context, name string) (work.Node, error) {
	all, err := l.Nodes.List(ctx)
	if err != nil {
		return work.Node{}, err
	}
	unknown := &NoNodeError{Node: name}
	for _, n := range all {
		switch {
		case n.Expired:
		case n.Node == name:
			return n, nil
		default:
			unknown.Live = append(unknown.Live, n.Node)
		}
	}
	slices.Sort(unknown.Live)
	return work.Node{}, unknown
}

// heedsFrom is the lowest event level of nodes that read controls: these came with the events of that level.
const heedsFrom = 3

// OlderNodeError says that a node runs a program that never reads what operators want of it. It is of kind
// domain.ErrUnavailable.
type OlderNodeError struct{ Node string }

func (e *OlderNodeError) Error() string {
	return fmt.Sprintf("%v: %s", domain.ErrUnavailable, e.Cause())
}

// Cause is what can be done, for callers.
func (e *OlderNodeError) Cause() string {
	return fmt.Sprintf("node %s runs an older program, which does not read what operators want: stop it where it runs, and start it with the newer program", domain.Shorten(e.Node))
}

// Is makes it a domain.ErrUnavailable.
func (e *OlderNodeError) Is(target error) bool { return target == domain.ErrUnavailable }

// heeding is the live registration of a name, if its node reads controls; an *OlderNodeError otherwise.
func (l Levers) heeding(ctx context.Context, name string) (work.Registration, error) {
	n, err := l.live(ctx, name)
	if err == nil && n.EventLevel < heedsFrom {
		err = &OlderNodeError{Node: name}
	}
	return work.Registration{Node: name, Epoch: n.Epoch}, err
}

// Cordon keeps a node from beginning work, also under its later registrations, until it is uncordoned. It goes on with
// the steps that it runs, and serves what its other roles say. One that is frozen or lost is cordoned for when it is back.
func (l Levers) Cordon(ctx context.Context, name string, by By) (Done, error) {
	now := "the node is cordoned: it begins no work, and stays"
	_, err := l.heeding(ctx, name)
	if absent := new(NoNodeError); errors.As(err, &absent) {
		if err = l.known(ctx, absent); err == nil {
			now = "the node is cordoned, and it is not alive: it begins no work if it comes back under this name"
		}
	}
	if err != nil {
		return Done{}, err
	}
	return l.set(ctx, cordon(name), by, "nodes cordon", now)
}

// known gives nil for a name of which a registration is kept that has ended, and otherwise the error.
func (l Levers) known(ctx context.Context, absent *NoNodeError) error {
	all, err := l.Nodes.List(ctx)
	if err == nil && !slices.ContainsFunc(all, func(n work.Node) bool { return n.Node == absent.Node }) {
		err = absent
	}
	return err
}

// Uncordon takes a cordon back, also that of a node that is not there just now.
func (l Levers) Uncordon(ctx context.Context, name string, by By) (Done, error) {
	done, err := l.clear(ctx, cordon(name), by, clearing{"nodes uncordon", "uncordoned", "the node is not cordoned"})
	if err == nil && !done.Changed {
		_, err = l.live(ctx, name)
	}
	return done, err
}

// cordon is the control by which a node is cordoned.
func cordon(name string) work.Control {
	return work.Control{Kind: work.ControlNode, Name: name, Value: work.ControlCordoned}
}

// Drain has a live node begin no work, and end when what it runs has ended, however long that takes.
func (l Levers) Drain(ctx context.Context, name string, by By) (Done, error) {
	of, err := l.heeding(ctx, name)
	if err != nil {
		return Done{}, err
	}
	controls, err := l.Controls.Read(ctx)
	if err != nil {
		return Done{}, err
	}
	if c := controls.Ending(of); c != nil && c.Value == work.ControlStopping {
		return Done{Now: "the node is stopping already", Epoch: of.Epoch}, by.Check()
	}
	return l.set(ctx, ending(of, work.ControlDraining), by, "nodes drain", "the node is draining: it begins no work, and ends when what runs has ended")
}

// Stop stops a live node as SIGTERM does: what runs longer than its time to drain is interrupted.
func (l Levers) Stop(ctx context.Context, name string, by By) (Done, error) {
	of, err := l.heeding(ctx, name)
	if err != nil {
		return Done{}, err
	}
	return l.set(ctx, ending(of, work.ControlStopping), by, "nodes stop", "the node is stopping: it drains, within --drain-timeout")
}

func ending(of work.Registration, how string) work.Control {
	return work.Control{Kind: work.ControlEnd, Name: of.Node, Epoch: of.Epoch, Value: how}
}

// LogLevels are the levels of a node's log, as --log-level has them.
func LogLevels() []string { return []string{"trace", "debug", "info", "warn", "error"} }

// SetLogLevel has a live node log from a level on, until it starts anew. The error is a *domain.FieldError if there is no
// such level.
func (l Levers) SetLogLevel(ctx context.Context, name, level string, by By) (Done, error) {
	if !slices.Contains(LogLevels(), level) {
		return Done{}, &domain.FieldError{Field: "level", Expected: "one of " + domain.List(LogLevels()), Got: fmt.Sprintf("%q", domain.Shorten(level))}
	}
	of, err := l.heeding(ctx, name)
	if err != nil {
		return Done{}, err
	}
	c := work.Control{Kind: work.ControlLogLevel, Name: of.Node, Epoch: of.Epoch, Value: level}
	return l.set(ctx, c, by, "nodes loglevel", "the node logs from the level "+level+" on")
}

// Registration gives a registration as it is now; false if it ended so long ago that it was removed.
func (l Levers) Registration(ctx context.Context, of work.Registration) (n work.Node, kept bool, err error) {
	all, err := l.Nodes.List(ctx)
	i := slices.IndexFunc(all, func(n work.Node) bool { return n.Node == of.Node && n.Epoch == of.Epoch })
	if err != nil || i < 0 {
		return n, false, err
	}
	return all[i], true, nil
}
