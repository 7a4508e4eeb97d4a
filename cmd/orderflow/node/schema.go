package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// setOlder takes no orders, because the schema lacks migrations; nil takes them again.
func (g *gate) setOlder(older error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.older = older
}

// probeDatabase asks whether the database takes orders. If it does not for want of migrations, it says
// so.
func (n *Node) probeDatabase(ctx context.Context) error {
	err := n.db.Probe(ctx, n.name)
	if err == nil || errors.Is(err, schema.ErrUnavailable) {
		return err
	}
	if older := n.db.Older(ctx); errors.Is(older, schema.ErrOlderSchema) {
		n.suspectSchema()
		return older
	}
	return err
}

// suspectSchema has the schema looked at.
func (n *Node) suspectSchema() {
	select {
	case n.suspected <- struct{}{}:
	default:
	}
}

// watchSchema looks at the schema whenever there is a suspicion, as after a restore of a backup, and
// takes no orders until it is as new as the program needs.
func (n *Node) watchSchema(ctx context.Context) error {
	tick := time.NewTicker(n.conf.Heartbeat)
	defer tick.Stop()
	for older := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-n.suspected:
		case <-tick.C:
			if !older {
				continue
			}
		}
		err := n.db.Older(ctx)
		switch {
		case errors.Is(err, schema.ErrOlderSchema) && !older:
			older = true
			n.gate.setOlder(fmt.Errorf("%w: %w", domain.ErrUnavailable, err))
			n.entry("schema").WithError(err).Error("no orders are taken")
		case err == nil && older:
			older = false
			n.gate.setOlder(nil)
			n.entry("schema").Info("the schema has been migrated; orders are taken again")
		}
	}
}
