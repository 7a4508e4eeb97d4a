package main

import (
	"context"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// nodesCmd holds the commands about nodes.
type nodesCmd struct {
	List nodesListCmd `cmd:"" help:"List the nodes, the latest first."`
}

// nodesListCmd lists nodes.
type nodesListCmd struct {
	dataFlags
	All bool `help:"Also list registrations that have ended."`
}

// nodeJSON is a registration of a node as it is printed: the members of work.Node, with alive beside the state.
type nodeJSON struct {
	Node        string    `json:"node"`
	Epoch       int64     `json:"epoch"`
	State       string    `json:"state"`
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
		nodes, rows := []nodeJSON{}, [][]any(nil)
		for _, n := range all {
			if n.Expired && !c.All {
				continue
			}
			nodes = append(nodes, toJSON(n))
			rows = append(rows, []any{n.Node, n.Epoch, n.State, !n.Expired, n.Busy, n.Slots, n.Host, n.PID, n.Roles, n.Admin, n.StartedAt, n.HeartbeatAt})
		}
		return c.table(out, nodes, "NODE EPOCH STATE ALIVE BUSY SLOTS HOST PID ROLES ADMIN STARTED HEARTBEAT", rows)
	})
}

func toJSON(n work.Node) nodeJSON {
	return nodeJSON{
		Node: n.Node, Epoch: n.Epoch, State: n.State, Alive: !n.Expired, Slots: n.Slots, Busy: n.Busy, Host: n.Host, PID: n.PID,
		Version: n.Version, Roles: n.Roles, Admin: n.Admin, StartedAt: n.StartedAt, HeartbeatAt: n.HeartbeatAt, ExpiresAt: n.ExpiresAt,
		EventLevel: n.EventLevel,
	}
}
