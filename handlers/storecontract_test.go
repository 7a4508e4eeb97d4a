package handlers

import (
	"testing"
	"time"

	"orderflow/domain/work"
	"orderflow/eventstore/storetest"
)

// TestCluster holds the store in memory, on which the tests of this package rest, to what the real one
// promises. What it does not have stays with the database: reservations, several partitions, hashes and
// restarts.
func TestCluster(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Store { return newCluster(t) })
	storetest.RunLeases(t, func(t testing.TB) storetest.Leasing {
		c := clusterNode{cluster: newCluster(t)}
		var err error
		if c.own.Epoch, err = c.Register(t.Context(), work.Node{Node: "n"}, time.Hour); err != nil {
			t.Fatal(err)
		}
		c.own.Node = "n"
		return c
	})
}

// clusterNode is a cluster as one of its nodes sees it.
type clusterNode struct {
	*cluster
	own work.Registration
}

func (n clusterNode) Claim(testing.TB) (work.Lease, bool) {
	if _, h := n.claim(n.own.Node, n.own.Epoch); h != nil {
		return h.Lease(), true
	}
	return work.Lease{}, false
}

func (n clusterNode) Lose(_ testing.TB, l work.Lease) { n.lose(&hand{lease: l}) }

func (n clusterNode) Own() work.Lease { return work.Lease{Registration: n.own} }
