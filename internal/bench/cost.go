package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// underLoad is the load of many callers on one node.
const underLoad = "under load"

// lightLoad is the load of a few orders a second on some nodes.
func lightLoad(nodes int) string { return fmt.Sprintf("light load, nodes: %d", nodes) }

// The figures of what an order costs, after the load.
const (
	ofStatements   = ", statements"
	ofTransactions = ", transactions"
	ofRoundTrips   = ", round trips"
)

// cost counts what an order asks of the database, by cause: on one node under load, and at light load on
// some nodes, which take the orders in turns.
func (r *run) cost(ctx context.Context, s *Section) error {
	var loaded causes
	err := r.repeat("cost "+underLoad, func() error {
		_, err := r.fresh(ctx, NodeConfig{Workers: r.Workers}, func(n *Node) error {
			if _, err := r.load(ctx, n, 0, r.WarmUp); err != nil {
				return err
			}
			n.DB.Watch(loaded.tell)
			_, err := r.load(ctx, n, 0, r.Orders)
			return err
		})
		return err
	})
	if err != nil {
		return err
	}
	s.addCosts(underLoad, &loaded, r.Repeat*r.Orders)
	for _, nodes := range r.Nodes {
		var light causes
		if err := r.repeat("cost at "+lightLoad(nodes), func() error { return r.costLightly(ctx, nodes, &light) }); err != nil {
			return err
		}
		s.addCosts(lightLoad(nodes), &light, r.Repeat*r.LightOrders)
	}
	s.goal(underLoad+ofRoundTrips, Goal{AtMost: true, Value: 5})
	s.goal(lightLoad(1)+ofRoundTrips, Goal{AtMost: true, Value: 18})
	return nil
}

// addCosts adds what each of n orders cost under a load.
func (s *Section) addCosts(load string, counted *causes, n int) {
	all, sum := counted.each(n)
	s.Costs = append(s.Costs, Costs{load, all})
	s.add(load+ofStatements, "1/order", sum.Statements)
	s.add(load+ofTransactions, "1/order", sum.Transactions)
	if sum.RoundTrips > 0 {
		s.add(load+ofRoundTrips, "1/order", sum.RoundTrips)
	}
}

// costLightly counts at light load.
func (r *run) costLightly(ctx context.Context, nodes int, counted *causes) (err error) {
	dsn, err := r.scratch.database(ctx)
	if err != nil {
		return err
	}
	var all []*Node
	defer func() {
		for _, n := range all {
			err = errors.Join(err, n.Stop())
		}
		err = errors.Join(err, r.scratch.discard(dsn))
	}()
	for range nodes {
		n, err := r.Start(ctx, NodeConfig{DSN: dsn, Workers: r.Workers})
		if err != nil {
			return err
		}
		all = append(all, n)
	}
	const faster = 10 // is the warm-up
	if err := inTurns(ctx, all, faster*r.Rate, r.WarmUp, r.WarmUp); err != nil {
		return err
	}
	if err := sleep(ctx, settling); err != nil {
		return err
	}
	for _, n := range all {
		n.DB.Watch(counted.tell)
	}
	return inTurns(ctx, all, r.Rate, r.LightOrders, r.WarmUp+r.LightOrders)
}

// inTurns places orders on nodes in turns, and waits until so many have completed in all.
func inTurns(ctx context.Context, nodes []*Node, rate float64, orders, inAll int) error {
	if _, _, err := steadily(ctx, rate, orders, func(ctx context.Context, i int) error {
		_, err := nodes[i%len(nodes)].Place(ctx, tracking(newID(time.Now()).String(), i), []byte(detail))
		return err
	}); err != nil {
		return err
	}
	return completed(ctx, nodes[0].Views, int64(inAll))
}
