package bench

import (
	"context"
	"math/rand/v2"
	"time"

	"orderflow/domain"
)

// api measures what a node answers over HTTP that works on no orders.
func (r *run) api(ctx context.Context, s *Section) error {
	return r.repeat("api", func() error {
		_, err := r.fresh(ctx, NodeConfig{Roles: []string{roleAPI, roleProjector}}, func(n *Node) error {
			c := newClient(n.URL, r.Clients)
			defer c.close()
			return requests{node: n, clients: r.Clients, section: s}.api(ctx, c, r.Orders)
		})
		return err
	})
}

// requests are calls of a node whose cost is measured.
type requests struct {
	node    *Node
	clients int
	section *Section
}

// api places orders, and then reads them.
func (q requests) api(ctx context.Context, c client, orders int) error {
	ids := make([]domain.OrderID, orders)
	err := q.measure(ctx, "place", orders, func(ctx context.Context, i int) (err error) {
		ids[i], err = c.place(ctx, tracking(newID(time.Now()).String(), i), []byte(detail))
		return err
	})
	if err != nil {
		return err
	}
	// Once the views are up to date, an order is read from them.
	if err := caughtUp(ctx, q.node); err != nil {
		return err
	}
	err = q.measure(ctx, "get", orders, func(ctx context.Context, _ int) error {
		return c.get(ctx, "/v1/orders/"+ids[rand.IntN(len(ids))].String())
	})
	if err != nil {
		return err
	}
	return q.measure(ctx, "list, 50 orders a page", max(orders/20, 1), func(ctx context.Context, _ int) error {
		return c.get(ctx, "/v1/orders?limit=50")
	})
}

// measure measures n calls of one kind, by all clients at once.
func (q requests) measure(ctx context.Context, name string, n int, call func(context.Context, int) error) error {
	s, before := q.section, usageOf(q.node.DB)
	took, err := together(ctx, q.clients, n, call)
	if err != nil {
		return err
	}
	used, elapsed := usageOf(q.node.DB).since(before), time.Since(before.at)
	s.add(name, "requests/s", float64(n)/elapsed.Seconds())
	s.addTimes(name, took)
	s.add(name+", processor time", "s/1,000 requests", used.cpu.Seconds()/float64(n)*1000)
	if used.db.RoundTrips > 0 {
		s.add(name+", round trips", "1/1,000 requests", float64(used.db.RoundTrips)/float64(n)*1000)
	}
	return nil
}
