package inflight

import (
	"context"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Reading has the nodes that register be of a program that reads events up to a level.
func (n *Nodes) Reading(level int) *Nodes {
	n.level = level
	return n
}

// Enter registers a node under an epoch that was found free before.
func (n *Nodes) Enter(ctx context.Context, node work.Node, epoch int64, ttl time.Duration) (bool, error) {
	return n.enter(ctx, node, epoch, ttl)
}

// Raise raises the level of events.
func (n *Nodes) Raise(ctx context.Context, level int) (bool, error) { return n.raise(ctx, level) }

// DeclareLost is what a node does before it takes over what another one held.
func DeclareLost(ctx context.Context, tx *schema.Tx, t work.Registration) (bool, error) {
	found := losses{}
	err := tx.Ask(ctx, found.declare(tx.Dialect(), []work.Registration{t})...)
	return found[t] != nil, err
}

// ReturnedQueries are the statements of a claimer that read rows in flight.
func ReturnedQueries(d schema.Dialect, topics []string) map[string]string {
	q := makeStatements(d, topics, 50)
	return map[string]string{"look": q.look, "readReturned": q.readReturned}
}

// ClaimAfter claims the messages of a partition that were read before something happened.
func ClaimAfter(ctx context.Context, db *schema.DB, group string, by work.Tenure, topic string, partition int, happens func()) ([]Claim, error) {
	conf := ClaimerConfig{Group: group, Slots: 50}
	in := func(do func(t *claiming) error) error {
		return db.InTx(ctx, func(tx *schema.Tx) error {
			return do(&claiming{tx: tx, conf: &conf, statements: makeStatements(db.Dialect(), []string{topic}, conf.Slots), round: Round{Tenure: by, Free: conf.Slots}})
		})
	}
	var offers []*offer
	err := in(func(t *claiming) (err error) {
		offers, err = t.read(ctx, []Source{{Topic: topic, partition: partition, last: 100}})
		return err
	})
	if err != nil {
		return nil, err
	}
	happens()
	var claims []Claim
	err = in(func(t *claiming) error {
		err := t.moveAll(ctx, offers)
		claims = t.claims
		return err
	})
	return claims, err
}

// NewQuery is the statement of a claimer that reads new messages.
func NewQuery(d schema.Dialect, topics []string) string { return makeStatements(d, topics, 50).readNew }

// TakeDuty gives a duty to a registration, if it still is another's that is not good.
func TakeDuty(ctx context.Context, db *schema.DB, duty string, of, from work.Registration) (bool, error) {
	return NewDuties(db).take(ctx, duty, of, from)
}
