package check

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/schema"
)

// Run checks the whole store. What it finds is in the report; an error means that it
// could not look.
func Run(ctx context.Context, db *schema.DB, store *eventstore.Store, c Config) (Report, error) {
	began := time.Now()
	l := newLook(db, store, c)
	unseen := l.schema(ctx)
	err := l.contents(ctx)
	l.report.Took = time.Since(began)
	return l.report, errors.Join(unreadable(err), unseen)
}

// unreadable says of an error that is not about the database being away, nor about a statement, but about
// what the database gave: that it is damaged.
func unreadable(err error) error {
	for _, known := range []error{nil, schema.ErrUnavailable, schema.ErrTransient, schema.ErrStatement, domain.ErrUnavailable, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: what is stored cannot be read: %w", schema.ErrDamaged, err)
}

// schema compares the tables, indexes and triggers with what the migrations made.
func (l *look) schema(ctx context.Context) error {
	found, err := l.db.Deviations(ctx)
	if errors.Is(err, schema.ErrNewerSchema) {
		l.found(Violation{Kind: Newer, Partition: -1, What: fmt.Sprintf("the tables, indexes and triggers cannot be compared: %v", err)})
		return nil
	}
	for _, d := range found {
		l.found(Violation{Kind: Schema, Partition: -1, What: d.String()})
	}
	return err
}

// contents checks what the tables hold. It ends with the first step that cannot look.
func (l *look) contents(ctx context.Context) error {
	log := &logRead{look: l}
	keys := &keySearch{look: l}
	streams := &histories{look: l, log: log, keys: keys}
	for _, step := range []func(context.Context) error{
		l.deep, log.positions, streams.all, log.bothWays, l.orderIndexes, keys.search, keys.reservations, l.beyond, l.orphans, l.views,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// views compares the views with the events, as Config.Views does it.
func (l *look) views(ctx context.Context) error {
	if l.conf.Views == nil {
		return nil
	}
	found, err := l.conf.Views(ctx)
	if err != nil {
		return fmt.Errorf("compare the views with the events: %w", err)
	}
	for _, v := range found {
		v.Kind = View
		l.found(v)
	}
	return nil
}
