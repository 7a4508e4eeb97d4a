package messaging

import (
	"context"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/crashpoint"
	"orderflow/domain"
	"orderflow/schema"
)

// write is the one writing transaction of a round.
func (s *Subscriber) write(ctx context.Context, q queries, tenure domain.Tenure, ended []settlement, sources []source, free int) ([]claim, error) {
	var claims []claim
	err := s.inTx(ctx, func(tx *schema.Tx) error {
		claims = nil
		suspected := s.handlesSuspect()
		if err := s.settleEnded(ctx, tx, ended); err != nil {
			return err
		}
		for _, src := range sources {
			left := free - len(claims)
			if left <= 0 {
				break
			}
			got, err := s.claimFrom(ctx, tx, q, tenure, src, left, &suspected)
			if err != nil {
				return fmt.Errorf("claim from %s/%d: %w", src.topic, src.partition, err)
			}
			claims = append(claims, got...)
		}
		if len(claims) > 0 {
			crashpoint.Here("claim.moved")
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("settle %d and claim up to %d messages: %w", len(ended), free, err)
	}
	return claims, nil
}

// settleEnded stores acks and nacks of messages whose handlers did not settle them. A
// lease that is no longer held needs nothing: the message is another node's.
func (s *Subscriber) settleEnded(ctx context.Context, tx *schema.Tx, ended []settlement) error {
	for _, e := range ended {
		var held bool
		var err error
		if e.done {
			held, err = changed(ctx, tx, `DELETE FROM inflight`+fence, fenceArgs(e.lease)...)
		} else {
			held, err = giveBack(ctx, tx, e.lease, e.delay, 0)
		}
		if err != nil {
			return fmt.Errorf("settle %s/%d/%d: %w", e.lease.Topic, e.lease.Partition, e.lease.Position, err)
		}
		if !held {
			s.conf.Logger.Info("a message was dealt with under a lease that had ended", leaseFields(e.lease).Add(watermill.LogFields{"acked": e.done}))
		}
	}
	return nil
}

func (s *Subscriber) claimFrom(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, src source, most int, suspected *bool) ([]claim, error) {
	if s.conf.Ordered {
		most = 1
	}
	if src.returned {
		return s.claimReturned(ctx, tx, q, tenure, src.topic, most, suspected)
	}
	if s.conf.Ordered {
		if free, err := s.lockOrdered(ctx, tx, q, tenure, src.topic); err != nil || !free {
			return nil, err
		}
	}
	return s.claimNew(ctx, tx, q, tenure, src, most)
}

// lockOrdered makes this node the only one of the group to claim from any partition of a
// topic, and says whether nothing of the topic is in flight.
func (s *Subscriber) lockOrdered(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, topic string) (bool, error) {
	mine, err := s.lockOffset(ctx, tx, q, tenure, source{topic: topic, partition: unplaced})
	if err != nil || !mine {
		return false, err
	}
	var inflight int
	row := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM inflight WHERE consumer_group = ?1 AND topic = ?2`, s.conf.Group, topic)
	err = s.db.Translate(row.Scan(&inflight))
	return inflight == 0, err
}

// lockOffset makes this node the only one to claim from a partition until it commits. It
// says no if another one is at it just now, or if this node's registration has expired.
func (s *Subscriber) lockOffset(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, src source) (bool, error) {
	return changed(ctx, tx, q.lockOffset, s.conf.Group, src.topic, src.partition, tenure.Node, tenure.Epoch)
}

// claimNew takes the next messages of a partition.
func (s *Subscriber) claimNew(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, src source, most int) ([]claim, error) {
	mine, err := s.lockOffset(ctx, tx, q, tenure, src)
	if err != nil || !mine {
		return nil, err
	}
	claims, err := s.readNew(ctx, tx, q, tenure, src, most)
	if err != nil || len(claims) == 0 {
		return nil, err
	}
	first, last := claims[0].lease.Position, claims[len(claims)-1].lease.Position
	now := tx.Dialect().Now()
	moved, err := affected(tx.ExecContext(ctx, `INSERT INTO inflight (consumer_group, topic, partition, position, uuid, payload, metadata,
			node, epoch, attempt, interruptions, claimed_at, available_at)
		SELECT ?1, topic, partition, position, uuid, payload, metadata, ?2, ?3, 1, 0, `+now+`, `+now+`
		FROM outbox WHERE topic = ?4 AND partition = ?5 AND position >= ?6 AND position <= ?7`,
		s.conf.Group, tenure.Node, tenure.Epoch, src.topic, src.partition, first, last))
	if err != nil {
		return nil, err
	}
	if moved != int64(len(claims)) {
		return nil, fmt.Errorf("%w: %d messages were read and %d moved", domain.ErrCorrupt, len(claims), moved)
	}
	_, err = tx.ExecContext(ctx, `UPDATE consumer_offsets SET position = ?1 WHERE consumer_group = ?2 AND topic = ?3 AND partition = ?4`,
		last, s.conf.Group, src.topic, src.partition)
	return claims, err
}

func (s *Subscriber) readNew(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, src source, most int) ([]claim, error) {
	rows, err := tx.QueryContext(ctx, q.readNew, s.conf.Group, src.topic, src.partition, src.last, most)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var claims []claim
	for rows.Next() {
		c := claim{lease: &domain.Lease{
			Group: s.conf.Group, Topic: src.topic, Partition: src.partition, Node: tenure.Node, Epoch: tenure.Epoch, Attempt: 1,
		}}
		if err := rows.Scan(&c.lease.Position, &c.uuid, &c.payload, &c.metadata); err != nil {
			return nil, err
		}
		claims = append(claims, c)
	}
	return claims, s.db.Translate(rows.Err())
}
