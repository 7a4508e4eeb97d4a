package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// usualDelay is the delay of the measure network if none is given.
const usualDelay = time.Millisecond

// Network says how far away a server is.
type Network struct {
	Delay time.Duration `name:"network-delay" placeholder:"1ms" help:"What a delayed network adds to each round trip between node and server. It needs --dsn: SQLite has no network. Default: 1ms."`
}

// The figures of the measure network, after the way to the server.
const (
	ofAppend     = ": an append, p50"
	ofOrder      = ": an order, p50"
	ofThroughput = ": throughput"
)

// network measures a node beside its server, and, in turns with that, a node whose way to the server takes a
// while. The append is that of a call to place at light load.
func (r *run) network(ctx context.Context, s *Section) error {
	delay := cmp.Or(r.Delay, usualDelay)
	l, err := newLink(ctx, r.scratch.server, delay)
	if err != nil {
		return err
	}
	near, far := "no delay", "delay "+delay.String()
	err = r.repeat("network, "+far, func() error {
		for _, way := range []struct {
			name string
			link *link
		}{{near, nil}, {far, l}} {
			if err := r.over(ctx, way.link, way.name, s); err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
		}
		return nil
	})
	for _, of := range []string{ofAppend, ofOrder, ofThroughput} {
		s.compareAs(far+" to none"+of, far+of, near+of)
	}
	return errors.Join(err, l.close())
}

// over measures a node that reaches its server over a link, or directly if there is none.
func (r *run) over(ctx context.Context, l *link, name string, s *Section) error {
	dsn, err := r.scratch.database(ctx)
	if err == nil && l != nil {
		dsn, err = l.through(dsn)
	}
	if err != nil {
		return err
	}
	return r.node(ctx, NodeConfig{DSN: dsn, Workers: r.Workers}, func(n *Node) error {
		var light Section
		if err := r.light(ctx, n, &light); err != nil {
			return err
		}
		loaded, err := r.load(ctx, n, 0, r.Orders)
		if err != nil {
			return err
		}
		s.add(name+ofAppend, "ms", light.figure(aCall+", p50").Value)
		s.add(name+ofOrder, "ms", light.figure(toCompleted+", p50").Value)
		s.add(name+ofThroughput, ordersPerSecond, float64(r.Orders)/loaded.completed.Seconds())
		return nil
	})
}
