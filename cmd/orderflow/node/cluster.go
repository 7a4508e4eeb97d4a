package node

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"orderflow/domain/work"
	"orderflow/projections"
	"orderflow/transport/messaging/inflight"
)

const (
	// clusterEvery is the time between looks at the other nodes and at the views.
	clusterEvery = 5 * time.Second
	// clusterTimeout bounds one look.
	clusterTimeout = 5 * time.Second
)

// Undone says what is not done while no node has a role.
var Undone = map[string]string{
	roleAPI:       "nobody takes orders or answers customers",
	roleWorker:    "nobody works on orders",
	roleProjector: "lists and counts of orders stay as they are",
}

// MissingRoles are the roles that none of the nodes has that live.
func MissingRoles(nodes []work.Node) []string {
	missing := []string{roleAPI, roleWorker, roleProjector}
	for _, n := range nodes {
		if !n.Expired {
			missing = slices.DeleteFunc(missing, func(role string) bool { return slices.Contains(strings.Split(n.Roles, ","), role) })
		}
	}
	return missing
}

// surroundings are what a node last saw of the cluster. They are for reading at any time.
type surroundings struct {
	lag   atomic.Pointer[int64]    // of the views; nil: not known
	roles atomic.Pointer[[]string] // that no live node has; nil: not known
}

func (s *surroundings) missing() []string {
	if roles := s.roles.Load(); roles != nil {
		return *roles
	}
	return nil
}

// watchCluster is a part of every node: it looks which roles no live node has, which it says
// once when it begins and once when it ends, and how far the views are behind.
func (n *Node) watchCluster(ctx context.Context) error {
	nodes, tick := inflight.NewNodes(n.db), time.NewTicker(clusterEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n.look(ctx, nodes)
	}
}

// look looks once. A database that does not answer is others' business to tell.
func (n *Node) look(ctx context.Context, nodes *inflight.Nodes) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	n.surroundings.lag.Store(nil)
	if lag, err := projections.Lag(ctx, n.db, n.store); err == nil {
		n.surroundings.lag.Store(&lag)
	}
	all, err := nodes.List(ctx)
	if err != nil {
		return
	}
	before, now := n.surroundings.missing(), MissingRoles(all)
	n.surroundings.roles.Store(&now)
	log := n.entry("cluster")
	for _, role := range now {
		if !slices.Contains(before, role) {
			log.WithField("role", role).Warnf("no live node has the role %s: %s", role, Undone[role])
		}
	}
	for _, role := range before {
		if !slices.Contains(now, role) {
			log.WithField("role", role).Infof("a live node has the role %s again", role)
		}
	}
}
