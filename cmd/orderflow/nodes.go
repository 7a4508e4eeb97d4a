package main

import (
	"context"
	"errors"
	"slices"

	"orderflow/cmd/orderflow/node"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// nodesCmd holds the commands about nodes.
type nodesCmd struct {
	List     nodesListCmd     `cmd:"" help:"List the nodes, the latest first."`
	Drain    nodesDrainCmd    `cmd:"" help:"Have a node begin no work, and end when what it runs has ended."`
	Cordon   nodesCordonCmd   `cmd:"" help:"Have a node begin no work, and stay."`
	Uncordon nodesUncordonCmd `cmd:"" help:"Let a cordoned node begin work again."`
	Stop     nodesStopCmd     `cmd:"" help:"Stop a node as SIGTERM does."`
	Loglevel nodesLoglevelCmd `cmd:"" help:"Change the level of a node's log, until it starts anew."`
}

// nodesListCmd lists nodes.
type nodesListCmd struct {
	dataFlags
	All bool `help:"Also list registrations that have ended."`
}

func (c *nodesListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		all, err := inflight.NewNodes(db).List(ctx)
		if err != nil {
			return err
		}
		if own, err := db.OwnClock(ctx); err != nil {
			return err
		} else if !own && len(all) > 0 {
			out.notef("The nodes judge leases by a clock that cannot be read from here: ALIVE goes by the wall clock.")
		}
		for _, role := range node.MissingRoles(all) {
			out.notef("no live node has the role %s: %s", role, node.Undone[role])
		}
		controls, err := operations.NewControls(db).Read(ctx)
		if errors.Is(err, schema.ErrStatement) {
			out.notef("The schema is older than this program: what operators want of nodes cannot be told (\"orderflow migrate\").")
		} else if err != nil {
			return err
		}
		nodes, rows := operate.Told(all, controls, c.All), [][]any(nil)
		for _, n := range nodes {
			rows = append(rows, []any{n.Node, n.Epoch, n.State, n.Alive, n.Busy, n.Slots, n.Host, n.PID, n.Roles, n.Admin, n.StartedAt, n.HeartbeatAt})
			for _, w := range n.Wanted {
				what := w.What
				if slices.Contains(operate.LogLevels(), what) {
					what = "log level " + what
				}
				out.notef("%s: %s, by %s since %s: %s", n.Node, what, w.Actor, cell(w.Since), w.Reason)
			}
		}
		return c.table(out, nodes, "NODE EPOCH STATE ALIVE BUSY SLOTS HOST PID ROLES ADMIN STARTED HEARTBEAT", rows)
	})
}
