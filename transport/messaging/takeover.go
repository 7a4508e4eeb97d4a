package messaging

import (
	"context"
	"fmt"

	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// returned is an in-flight row that is nobody's, or a lost node's.
type returned struct {
	claim
	node    string
	epoch   int64
	attempt int
}

// claimReturned takes messages that were given back, topic by topic, and those of nodes
// whose registration has expired, which it puts into found.
func (s *Subscriber) claimReturned(
	ctx context.Context, tx *schema.Tx, q queries, tenure work.Tenure, sources []source, free int, found losses,
) ([]claim, error) {
	var claims []claim
	suspected := s.handlesSuspect()
	for _, src := range sources {
		if !src.returned || free <= len(claims) {
			continue
		}
		got, err := s.claimReturnedOf(ctx, tx, q, tenure, src.topic, s.most(free-len(claims)), &suspected, found)
		if err != nil {
			return nil, fmt.Errorf("claim what was given back of %s: %w", src.topic, err)
		}
		claims = append(claims, got...)
	}
	return claims, nil
}

// claimReturnedOf takes messages of a topic. Those of a node whose registration has
// expired count as interrupted; of those that have been so too often it takes none while
// *suspected, and one otherwise.
func (s *Subscriber) claimReturnedOf(
	ctx context.Context, tx *schema.Tx, q queries, tenure work.Tenure, topic string, most int, suspected *bool, found losses,
) ([]claim, error) {
	candidates, err := s.readReturned(ctx, tx, q, topic, most)
	if err != nil {
		return nil, err
	}
	var claims []claim
	for _, r := range candidates {
		var from *loss
		if r.suspect = r.node != "" && r.lease.Interruptions+1 >= s.conf.AloneAfter; r.suspect && *suspected {
			continue
		}
		if r.node != "" {
			if from, err = found.of(ctx, tx, work.Tenure{Node: r.node, Epoch: r.epoch}); err != nil {
				return nil, err
			}
			if from == nil {
				continue // it renewed while we looked
			}
			crashpoint.Here("takeover.declared")
			r.lease.Interruptions++
			r.lease.From = &work.Owner{Node: r.node, Stopped: from.stopped}
		}
		r.lease.Node, r.lease.Epoch, r.lease.Attempt = tenure.Node, tenure.Epoch, r.attempt+1
		mine, err := takeOver(ctx, tx, r)
		if err != nil {
			return nil, err
		}
		if mine {
			crashpoint.Here("takeover.moved")
			claims = append(claims, r.claim)
			if from != nil {
				from.taken++
			}
			*suspected = *suspected || r.suspect
		}
	}
	return claims, nil
}

// handlesSuspect says whether a suspect is in hand.
func (s *Subscriber) handlesSuspect() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.held {
		if h.suspect {
			return true
		}
	}
	return false
}

// takeOver makes the row this node's if it is still as it was read; two nodes that try
// at once are told apart by the attempt.
func takeOver(ctx context.Context, tx *schema.Tx, r returned) (bool, error) {
	l, d := r.lease, tx.Dialect()
	return inflight.Changed(ctx, tx, `UPDATE inflight SET node = ?9, epoch = ?10, attempt = ?11, interruptions = ?12, claimed_at = `+d.Now()+
		inflight.Fence+inflight.Registered(d, `?9`, `?10`),
		l.Group, l.FirstTopic, l.Partition, l.FirstPosition, r.node, r.epoch, r.attempt, l.Position, l.Node, l.Epoch, l.Attempt, l.Interruptions)
}

func (s *Subscriber) readReturned(ctx context.Context, tx *schema.Tx, q queries, topic string, most int) ([]returned, error) {
	rows, err := tx.QueryContext(ctx, q.readReturned, s.conf.Group, topic, most)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []returned
	for rows.Next() {
		r := returned{claim: claim{lease: &work.Lease{Group: s.conf.Group, Topic: topic}}}
		if err := rows.Scan(&r.lease.Partition, &r.lease.Position, &r.lease.FirstTopic, &r.lease.FirstPosition, &r.uuid, &r.payload, &r.metadata,
			&r.node, &r.epoch, &r.attempt, &r.lease.Interruptions); err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, s.db.Translate(rows.Err())
}
