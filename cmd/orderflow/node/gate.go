package node

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/eventstore/check"
	"orderflow/schema"
)

// gate keeps the node from work while rows of the database name positions beyond the end of the log:
// such offsets and checkpoints would skip the events that are appended next. The gate opens once, when they
// have been mended.
type gate struct {
	db     *schema.DB
	log    *logrus.Entry
	opened chan struct{} // closed when it is open

	mu    sync.Mutex
	why   error // nil when it is open
	older error // that the schema lacks migrations; also after it was opened
}

// lostEnd says why a node does not work; nil if nothing is wrong.
func lostEnd(overruns []check.Overrun) error {
	if len(overruns) == 0 {
		return nil
	}
	var what, mend []string
	for _, c := range overruns {
		what = append(what, c.String())
		if command := fmt.Sprintf("%q", c.Mend); !strings.Contains(strings.Join(mend, " "), command) {
			mend = append(mend, command)
		}
	}
	const most = 5
	if more := len(what) - most; more > 0 {
		what = append(what[:most], fmt.Sprintf("and %d more", more))
	}
	return fmt.Errorf("%w: the log has lost its end: %s. The node does nothing until this is mended: look with \"orderflow check\", mend with %s",
		domain.ErrUnavailable, strings.Join(what, "; "), strings.Join(mend, " and "))
}

// closed says why the node does no work and takes no orders; nil if the gate is open.
func (g *gate) closed() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.older != nil {
		return g.older
	}
	return g.why
}

// open says whether it was opened.
func (g *gate) open() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.why == nil
}

func (g *gate) set(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.why = why; why == nil {
		close(g.opened)
	}
}

// setOlder closes the gate for orders, since the schema lacks migrations, or opens it if older is nil.
// changed says whether that is news.
func (g *gate) setOlder(older error) (changed bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	changed = (g.older == nil) != (older == nil)
	g.older = older
	return changed
}

// behind runs f once the gate is open. It ends with ctx.
func (g *gate) behind(f func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-g.opened:
			return f(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// newGate makes the gate, and looks once.
func newGate(ctx context.Context, db *schema.DB, log *logrus.Entry) (*gate, error) {
	claims, err := check.Beyond(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("compare the log with what was made of it: %w", err)
	}
	g := &gate{db: db, log: log, opened: make(chan struct{})}
	g.set(lostEnd(claims))
	if why := g.closed(); why != nil {
		log.WithError(why).Error("not ready")
	}
	return g, nil
}

// look looks again, until the gate can be opened.
func (g *gate) look(ctx context.Context) {
	if g.open() {
		return
	}
	claims, err := check.Beyond(ctx, g.db)
	if err != nil {
		return // the database is away; it is asked again
	}
	why := lostEnd(claims)
	if why == nil {
		g.log.Info("the end of the log is mended; the node begins its work")
	}
	g.set(why)
}
