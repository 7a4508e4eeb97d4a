package inflight

import (
	"context"
	"database/sql"
	"fmt"

	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// returned is an in-flight row that was given back, or is a lost node's.
type returned struct {
	Claim
	owner   work.Registration // in the row; without a name if it was given back
	attempt int               // in the row
}

// claimReturned claims messages that were given back and messages of lost nodes, topic by topic.
func (t *claiming) claimReturned(ctx context.Context, sources []Source) error {
	for _, src := range sources {
		if !src.Returned || t.most() <= 0 {
			continue
		}
		if err := t.claimReturnedOf(ctx, src.Topic); err != nil {
			return fmt.Errorf("claim what was given back of %s: %w", src.Topic, err)
		}
	}
	return nil
}

// claimReturnedOf claims messages of one topic. A message of a lost node counts as interrupted once more.
// A suspect is claimed only if the node has none in hand.
func (t *claiming) claimReturnedOf(ctx context.Context, topic string) error {
	candidates, err := t.readReturned(ctx, topic)
	if err != nil {
		return err
	}
	for _, r := range candidates {
		var from *loss
		lost := r.owner.Node != ""
		if r.Suspect = lost && r.Lease.Interruptions+1 >= t.conf.AloneAfter; r.Suspect && t.suspect {
			continue
		}
		if lost {
			if from, err = t.losses.of(ctx, t.tx, r.owner); err != nil {
				return err
			}
			if from == nil {
				continue // it renewed while we looked
			}
			crashpoint.Here("takeover.declared")
			r.Lease.Interruptions++
			r.Lease.From = work.Owner{Node: r.owner.Node, Stopped: from.stopped}
		}
		if err := t.takeOver(ctx, r, from); err != nil {
			return err
		}
	}
	return nil
}

// takeOver makes the row this node's if it is still as it was read. Two nodes that try at once are told
// apart by the attempt.
func (t *claiming) takeOver(ctx context.Context, r returned, from *loss) error {
	r.Lease.Registration, r.Lease.Attempt = t.round.Tenure.Registration, r.attempt+1
	l, d := r.Lease, t.tx.Dialect()
	mine, err := changed(ctx, t.tx, `UPDATE inflight SET node = ?9, epoch = ?10, attempt = ?11, interruptions = ?12, claimed_at = `+d.Now()+
		fence+registered(d, `?9`, `?10`),
		l.Group, l.FirstTopic, l.Partition, l.FirstPosition, r.owner.Node, r.owner.Epoch, r.attempt, l.Position, l.Node, l.Epoch, l.Attempt, l.Interruptions)
	if err != nil || !mine {
		return err
	}
	crashpoint.Here("takeover.moved")
	t.claims, t.suspect = append(t.claims, r.Claim), t.suspect || r.Suspect
	if from != nil {
		from.taken++
	}
	return nil
}

// readReturned reads as many messages as may be claimed.
func (t *claiming) readReturned(ctx context.Context, topic string) (all []returned, err error) {
	err = t.tx.Ask(ctx, schema.Question{
		Query: t.statements.readReturned, Args: []any{t.conf.Group, topic, t.most()},
		Read: func(rows *sql.Rows) error {
			for rows.Next() {
				r := returned{Claim: Claim{Lease: work.Lease{Row: work.Row{Group: t.conf.Group}, Topic: topic}}}
				l := &r.Lease
				if err := rows.Scan(&l.Partition, &l.Position, &l.FirstTopic, &l.FirstPosition, &r.UUID, &r.Payload, &r.Metadata,
					&r.owner.Node, &r.owner.Epoch, &r.attempt, &l.Interruptions); err != nil {
					return err
				}
				all = append(all, r)
			}
			return nil
		},
	})
	return all, err
}
