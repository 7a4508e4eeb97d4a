package messaging

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// together is how many places are asked at once where each question costs a round trip.
const together = 8

// offer is what the next place in turn has for this node.
type offer struct {
	source
	locked bool // by this node, until it commits
	claims []claim
}

// claimNew takes the next messages of the first places that have any. All of a
// transaction's offsets are locked in one order, that of topic and partition, so that
// no two nodes wait for each other in a circle; that is why a transaction asks only once
// where places are asked together.
func (s *Subscriber) claimNew(ctx context.Context, tx *schema.Tx, q queries, tenure work.Tenure, sources []source, free int) ([]claim, error) {
	sources = slices.DeleteFunc(slices.Clone(sources), func(x source) bool { return x.returned })
	size := 1
	if tx.Dialect().Batches() && !s.conf.Ordered {
		size = together
	}
	var claims []claim
	for len(sources) > 0 && free > len(claims) {
		n := min(size, len(sources))
		got, err := s.claimFrom(ctx, tx, q, tenure, sources[:n], free-len(claims))
		if err != nil {
			return nil, fmt.Errorf("claim from %s/%d and %d more: %w", sources[0].topic, sources[0].partition, n-1, err)
		}
		claims, sources = append(claims, got...), sources[n:]
		if tx.Dialect().Batches() {
			break
		}
	}
	return claims, nil
}

// claimFrom takes what a few places have, those in front first.
func (s *Subscriber) claimFrom(ctx context.Context, tx *schema.Tx, q queries, tenure work.Tenure, sources []source, free int) ([]claim, error) {
	if s.conf.Ordered {
		if mine, err := s.lockOrdered(ctx, tx, q, tenure, sources[0].topic); err != nil || !mine {
			return nil, err
		}
	}
	offers, err := s.offers(ctx, tx, q, tenure, sources, s.most(free))
	if err != nil {
		return nil, err
	}
	var claims []claim
	var questions []schema.Question
	moved, want := int64(0), int64(0)
	for _, o := range offers {
		take := o.claims[:min(len(o.claims), free-len(claims))]
		if !o.locked || len(take) == 0 {
			continue
		}
		claims, want = append(claims, take...), want+int64(len(take))
		questions = append(questions, s.move(tx.Dialect(), tenure, o.source, take, func(rows int64) { moved += rows })...)
	}
	if err := tx.Ask(ctx, questions...); err != nil {
		return nil, err
	}
	if moved != want {
		return nil, fmt.Errorf("%w: %d messages were read and %d moved", domain.ErrCorrupt, want, moved)
	}
	return claims, nil
}

// offers locks places and reads what they have, at most so many messages of each.
func (s *Subscriber) offers(ctx context.Context, tx *schema.Tx, q queries, tenure work.Tenure, sources []source, most int) ([]*offer, error) {
	offers := make([]*offer, len(sources))
	for i, x := range sources {
		offers[i] = &offer{source: x}
	}
	inOrder := slices.SortedFunc(slices.Values(offers), func(a, b *offer) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	var questions []schema.Question
	for _, o := range inOrder {
		questions = append(questions, s.lockOffset(q, tenure, o.source, func(rows int64) { o.locked = rows > 0 }),
			schema.Question{Query: q.readNew, Args: []any{s.conf.Group, o.topic, o.partition, o.last}, Read: func(rows *sql.Rows) error {
				return s.readNew(rows, tenure, o, most)
			}})
	}
	return offers, tx.Ask(ctx, questions...)
}

// lockOffset makes this node the only one to claim from a partition until it commits. It
// changes no row if another one is at it just now, or if this node's registration has
// expired.
func (s *Subscriber) lockOffset(q queries, tenure work.Tenure, src source, tell func(int64)) schema.Question {
	return schema.Question{Query: q.lockOffset, Args: []any{s.conf.Group, src.topic, src.partition, tenure.Node, tenure.Epoch}, Changed: tell}
}

func (s *Subscriber) readNew(rows *sql.Rows, tenure work.Tenure, o *offer, most int) error {
	for len(o.claims) < most && rows.Next() {
		c := claim{lease: &work.Lease{
			Group: s.conf.Group, Topic: o.topic, FirstTopic: o.topic, Partition: o.partition, Node: tenure.Node, Epoch: tenure.Epoch, Attempt: 1,
		}}
		if err := rows.Scan(&c.lease.Position, &c.uuid, &c.payload, &c.metadata); err != nil {
			return err
		}
		c.lease.FirstPosition = c.lease.Position
		o.claims = append(o.claims, c)
	}
	return nil
}

// move puts messages in flight and the offset behind them.
func (s *Subscriber) move(d schema.Dialect, tenure work.Tenure, src source, claims []claim, tell func(int64)) []schema.Question {
	first, last := claims[0].lease.Position, claims[len(claims)-1].lease.Position
	now := once(d)
	return []schema.Question{
		{Query: `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at)
			SELECT ?1, topic, partition, position, topic, position, uuid, payload, metadata, ?2, ?3, 1, 0, ` + now + `, ` + now + `
			FROM outbox WHERE topic = ?4 AND partition = ?5 AND position >= ?6 AND position <= ?7`,
			Args: []any{s.conf.Group, tenure.Node, tenure.Epoch, src.topic, src.partition, first, last}, Changed: tell},
		{Query: `UPDATE consumer_offsets SET position = ?1 WHERE consumer_group = ?2 AND topic = ?3 AND partition = ?4`,
			Args: []any{last, s.conf.Group, src.topic, src.partition}},
	}
}

// lockOrdered makes this node the only one of the group to claim from any partition of a
// topic, and says whether nothing of the topic is in flight.
func (s *Subscriber) lockOrdered(ctx context.Context, tx *schema.Tx, q queries, tenure work.Tenure, topic string) (bool, error) {
	mine := false
	lock := s.lockOffset(q, tenure, source{topic: topic, partition: inflight.Unplaced}, func(rows int64) { mine = rows > 0 })
	if err := tx.Ask(ctx, lock); err != nil || !mine {
		return false, err
	}
	var inflight int
	row := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM inflight WHERE consumer_group = ?1 AND topic = ?2`, s.conf.Group, topic)
	err := s.db.Translate(row.Scan(&inflight))
	return inflight == 0, err
}
