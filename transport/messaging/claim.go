package messaging

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain"
	"orderflow/schema"
)

// source is a place where messages wait: a partition of a topic, or, with returned
// set, the in-flight rows of a topic that are nobody's.
type source struct {
	topic     string
	partition int
	returned  bool
}

// look asks, without a transaction, where messages wait. What it finds is checked again
// when it is claimed.
func (s *Subscriber) look(ctx context.Context, q queries, node string) ([]source, error) {
	rows, err := s.db.QueryContext(ctx, q.look, s.conf.Group)
	if err != nil {
		return nil, fmt.Errorf("look for messages: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var sources []source
	for rows.Next() {
		var x source
		if err := rows.Scan(&x.topic, &x.partition, &x.returned); err != nil {
			return nil, fmt.Errorf("look for messages: %w", err)
		}
		sources = append(sources, x)
	}
	if err := s.db.Translate(rows.Err()); err != nil {
		return nil, fmt.Errorf("look for messages: %w", err)
	}
	// Returned messages first: they have waited longest and their orders are under way.
	// Then topics in their order. Nodes begin at different partitions, so as not to wait for
	// each other.
	turn := ringPlace(node)
	rank := func(x source) int { return slices.Index(q.topics, x.topic) }
	slices.SortFunc(sources, func(a, b source) int {
		if a.returned != b.returned {
			if a.returned {
				return -1
			}
			return 1
		}
		return cmp.Or(rank(a)-rank(b), spread(a.partition, turn)-spread(b.partition, turn))
	})
	return sources, nil
}

// ring is more than any number of partitions.
const ring = 64

// ringPlace is where a node begins among the partitions.
func ringPlace(node string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(node)) // never fails
	return int(h.Sum32() % ring)
}

// spread turns the order of partitions by turn.
func spread(partition, turn int) int { return (partition + turn + ring) % ring }

// settleAndClaim is the one writing transaction of a round. Lock order: nodes, offsets,
// in-flight rows.
func (s *Subscriber) settleAndClaim(ctx context.Context, q queries, tenure domain.Tenure, ended []settlement, sources []source, free int) ([]claim, error) {
	var claims []claim
	err := s.db.InTx(ctx, func(tx *schema.Tx) error {
		claims = nil
		if err := s.settleEnded(ctx, tx, ended); err != nil {
			return err
		}
		for _, src := range sources {
			left := free - len(claims)
			if left <= 0 {
				break
			}
			got, err := s.claimFrom(ctx, tx, q, tenure, src, left)
			if err != nil {
				return err
			}
			claims = append(claims, got...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("claim messages: %w", err)
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
			return fmt.Errorf("settle: %w", err)
		}
		if !held {
			s.conf.Logger.Info("a message was dealt with under a lease that had ended", leaseFields(e.lease).Add(watermill.LogFields{"acked": e.done}))
		}
	}
	return nil
}

func (s *Subscriber) claimFrom(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, src source, most int) ([]claim, error) {
	if s.conf.Ordered {
		most = 1
	}
	if src.returned {
		return s.claimReturned(ctx, tx, q, tenure, src.topic, most)
	}
	return s.claimNew(ctx, tx, q, tenure, src, most)
}

// claimNew takes the next messages of a partition.
func (s *Subscriber) claimNew(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, src source, most int) ([]claim, error) {
	group := s.conf.Group
	// The offset's row lock makes this node the only one to claim here until it commits.
	free, err := changed(ctx, tx, q.lockOffset, group, src.topic, src.partition)
	if err != nil || !free {
		return nil, err // busy: another node claims here just now
	}
	if s.conf.Ordered {
		var inflight int
		row := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM inflight WHERE consumer_group = ?1 AND topic = ?2`, group, src.topic)
		if err := row.Scan(&inflight); err != nil || inflight > 0 {
			return nil, s.db.Translate(err)
		}
	}
	claims, err := s.readNew(ctx, tx, q, tenure, src, most)
	if err != nil || len(claims) == 0 {
		return nil, err
	}
	first, last := claims[0].lease.Position, claims[len(claims)-1].lease.Position
	now := tx.Dialect().Now()
	_, err = tx.ExecContext(ctx, `INSERT INTO inflight (consumer_group, topic, partition, position, uuid, payload, metadata,
			node, epoch, attempt, interruptions, claimed_at, available_at)
		SELECT ?1, topic, partition, position, uuid, payload, metadata, ?2, ?3, 1, 0, `+now+`, `+now+`
		FROM outbox WHERE topic = ?4 AND partition = ?5 AND position >= ?6 AND position <= ?7`,
		group, tenure.Node, tenure.Epoch, src.topic, src.partition, first, last)
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE consumer_offsets SET position = ?1 WHERE consumer_group = ?2 AND topic = ?3 AND partition = ?4`,
		last, group, src.topic, src.partition)
	return claims, err
}

func (s *Subscriber) readNew(ctx context.Context, tx *schema.Tx, q queries, tenure domain.Tenure, src source, most int) ([]claim, error) {
	rows, err := tx.QueryContext(ctx, q.readNew, s.conf.Group, src.topic, src.partition, most)
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
