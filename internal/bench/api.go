package bench

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"orderflow/domain"
)

// api measures what a node answers over HTTP that works on no orders.
func (r *run) api(ctx context.Context, s *Section) error {
	for i := range r.Repeat {
		r.Progress("api: run %d of %d", i+1, r.Repeat)
		n, dsn, err := r.fresh(ctx, NodeConfig{Roles: []string{roleAPI, roleProjector}})
		if err != nil {
			return err
		}
		if err := errors.Join(r.apiOnce(ctx, n, s), n.Stop()); err != nil {
			return err
		}
		if err := r.scratch.discard(dsn); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) apiOnce(ctx context.Context, n *Node, s *Section) error {
	c := newClient(n.URL, r.Clients)
	defer c.close()
	ids := make([]domain.OrderID, r.Orders)
	err := r.requests(ctx, n, s, "place", len(ids), func(ctx context.Context, i int) (err error) {
		ids[i], err = c.place(ctx, tracking(newID(time.Now()).String(), i), []byte(detail))
		return err
	})
	if err != nil {
		return err
	}
	// Once the views are up to date, an order is read from them.
	if err := caughtUp(ctx, n); err != nil {
		return err
	}
	return r.reads(ctx, n, s, c, ids)
}

// reads measures get and list of stored orders.
func (r *run) reads(ctx context.Context, n *Node, s *Section, c client, ids []domain.OrderID) error {
	err := r.requests(ctx, n, s, "get", r.Orders, func(ctx context.Context, _ int) error {
		return c.get(ctx, "/v1/orders/"+ids[rand.IntN(len(ids))].String())
	})
	if err != nil {
		return err
	}
	return r.requests(ctx, n, s, "list, 50 orders a page", max(r.Orders/20, 1), func(ctx context.Context, _ int) error {
		return c.get(ctx, "/v1/orders?limit=50")
	})
}

// requests measures n calls of one kind, by all callers at once.
func (r *run) requests(ctx context.Context, node *Node, s *Section, name string, n int, call func(context.Context, int) error) error {
	before := usageOf(node.DB)
	took, err := together(ctx, r.Clients, n, call)
	if err != nil {
		return err
	}
	used, elapsed := usageOf(node.DB).since(before), time.Since(before.at)
	s.add(name, "requests/s", float64(n)/elapsed.Seconds())
	s.addTimes(name, took)
	s.add(name+", processor time", "s/1,000 requests", used.cpu.Seconds()/float64(n)*1000)
	if used.db.RoundTrips > 0 {
		s.add(name+", round trips", "1/1,000 requests", float64(used.db.RoundTrips)/float64(n)*1000)
	}
	return nil
}
