package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/schema"
)

// guard closes the gate while the schema lacks migrations, as after a restore of a backup. It looks at
// the schema only after a suspicion.
type guard struct {
	db   *schema.DB
	gate *gate
	log  *logrus.Entry

	suspected atomic.Bool
	mu        sync.Mutex // held by who asks
}

// suspect makes the guard look at the schema, until it is as new as the program needs.
func (g *guard) suspect() { g.suspected.Store(true) }

// look looks if there is a suspicion.
func (g *guard) look(ctx context.Context) {
	if g.suspected.Load() {
		_ = g.ask(ctx) // it has been said
	}
}

// ask looks at the schema, and closes or opens the gate.
func (g *guard) ask(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.suspected.Store(false)
	err := g.db.Older(ctx)
	if err != nil {
		g.suspect()
	}
	switch {
	case errors.Is(err, schema.ErrOlderSchema) && g.gate.setOlder(fmt.Errorf("%w: %w", domain.ErrUnavailable, err)):
		g.log.WithError(err).Error("no orders are taken")
	case err == nil && g.gate.setOlder(nil):
		g.log.Info("the schema has been migrated; orders are taken again")
	}
	return err
}

// probe asks whether the database takes orders. If migrations are missing, the error says so.
func (g *guard) probe(ctx context.Context, node string) error {
	err := g.db.Probe(ctx, node)
	if err == nil || errors.Is(err, schema.ErrUnavailable) {
		return err
	}
	if older := g.ask(ctx); errors.Is(older, schema.ErrOlderSchema) {
		return older
	}
	return err
}
