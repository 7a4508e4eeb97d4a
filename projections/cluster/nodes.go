package cluster

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

// lostFor is how long a node is told that was lost.
const lostFor = time.Hour

// registration is a row of the register, with what its node measured in its last windows.
type registration struct {
	work.Node
	measured string
}

// readNodes reads the registrations that live, or ended within the last hour, and the database's clock.
func readNodes(ctx context.Context, db *schema.DB) (all []registration, now time.Time, err error) {
	d := db.Dialect()
	err = db.Look(ctx, patience, func(look *schema.Look) error {
		return look.Read(ctx, func(rows *sql.Rows) error {
			all = nil
			for rows.Next() {
				var r registration
				var node sql.NullString
				var started, heartbeat, expires, at schema.Time
				err := rows.Scan(&at, &node, &r.Epoch, &r.State, &r.Slots, &r.Busy, &r.Host, &r.Version, &r.Roles, &started, &heartbeat, &expires, &r.Expired, &r.measured)
				if err != nil {
					return err
				}
				if now = at.Time; node.Valid {
					r.Node.Node, r.StartedAt, r.HeartbeatAt, r.ExpiresAt = node.String, started.Time, heartbeat.Time, expires.Time
					all = append(all, r)
				}
			}
			return rows.Err()
		}, `SELECT t.at, n.node, COALESCE(n.epoch, 0), COALESCE(n.state, ''), COALESCE(n.slots, 0), COALESCE(n.busy, 0), COALESCE(n.host, ''),
				COALESCE(n.version, ''), COALESCE(n.roles, ''), n.started_at, n.heartbeat_at, n.expires_at, CASE WHEN n.expires_at <= t.at THEN 1 ELSE 0 END, COALESCE(n.measured, '')
			FROM (SELECT `+d.Now()+` AS at) t LEFT JOIN nodes n ON n.expires_at > `+d.NowPlus("?1"), -lostFor.Milliseconds())
	})
	if err != nil {
		return nil, now, fmt.Errorf("read the register of nodes: %w", err)
	}
	return all, now, nil
}

// nodesOf are the nodes as operators see them: those that live in front.
func nodesOf(all []registration, controls work.Controls, now time.Time) []Node {
	nodes, latest := []Node{}, map[string]int64{}
	for _, r := range all {
		latest[r.Node.Node] = max(latest[r.Node.Node], r.Epoch)
	}
	for _, r := range all {
		n := Node{
			Node: r.Node.Node, Epoch: r.Epoch, State: stateOf(r, controls), Roles: strings.Split(r.Roles, ","), Slots: r.Slots, Busy: r.Busy,
			Host: r.Host, Version: r.Version, StartedAt: r.StartedAt, HeartbeatAt: r.HeartbeatAt,
			HeartbeatAge: max(0, now.Sub(r.HeartbeatAt)).Seconds(), lately: now.Sub(r.ExpiresAt) < lostLately,
		}
		if n.State != "" && (n.State != Lost || r.Epoch == latest[n.Node]) {
			nodes = append(nodes, n)
		}
	}
	slices.SortFunc(nodes, func(a, b Node) int {
		return cmp.Or(compareBool(a.State == Lost, b.State == Lost), cmp.Compare(a.Node, b.Node), cmp.Compare(a.Epoch, b.Epoch))
	})
	return nodes
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// stateOf is the state of a node; empty if it was stopped.
func stateOf(r registration, controls work.Controls) string {
	of := work.Registration{Node: r.Node.Node, Epoch: r.Epoch}
	switch {
	case r.State == work.NodeStopped:
		return ""
	case r.Expired || r.State == work.NodeLost:
		return Lost
	case r.State == work.NodeDraining || controls.Ending(of) != nil:
		return Draining
	case controls.Cordoned(of.Node) != nil:
		return Cordoned
	}
	return Alive
}

// lastMinute adds up what nodes measured in their last windows.
func lastMinute(all []registration, now time.Time) (sum *Sum, err error) {
	sum = newSum()
	for _, r := range all {
		if r.measured == "" || now.Sub(r.HeartbeatAt) > time.Minute {
			continue
		}
		if oddErr := sum.addText(r.measured); oddErr != nil {
			err = fmt.Errorf("what node %s measured cannot be understood: %w", r.Node.Node, oddErr)
		}
	}
	return sum, err
}
