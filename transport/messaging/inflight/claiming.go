package inflight

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// claiming is one transaction that stores acknowledgements and claims messages.
type claiming struct {
	tx         *schema.Tx
	conf       *ClaimerConfig
	statements statements
	round      Round
	suspect    bool // the node has a suspect in hand, or claims one here

	claims []Claim
	late   []Ack
	losses losses // the registrations whose messages were looked at
}

// most is how many more messages may be claimed from one source.
func (t *claiming) most() int {
	free := t.round.Free - len(t.claims)
	if t.conf.Ordered {
		return min(free, 1)
	}
	return free
}

// storeAcks stores the acknowledgements.
func (t *claiming) storeAcks(ctx context.Context) error {
	questions := make([]schema.Question, len(t.round.Acks))
	for i, a := range t.round.Acks {
		tell := func(rows int64) {
			if rows == 0 {
				t.late = append(t.late, a)
			}
		}
		if a.Done {
			questions[i] = remove(a.Lease, tell)
		} else {
			questions[i] = giveBack(t.tx.Dialect(), a.Lease, a.Delay, 0, tell)
		}
	}
	return t.tx.Ask(ctx, questions...)
}

// together is how many partitions are asked at once where each statement costs a round trip.
const together = 8

// offer is a partition and the messages in it that this node may claim.
type offer struct {
	Source
	locked bool // by this node, until it commits
	claims []Claim
}

// claimNew claims the next messages of the first partitions that have any. All of a transaction's offsets
// are locked in one order, that of topic and partition, so that no two nodes wait for each other in a
// circle. That is why a transaction asks only once where several write at a time.
func (t *claiming) claimNew(ctx context.Context, sources []Source) error {
	sources = slices.DeleteFunc(slices.Clone(sources), func(x Source) bool { return x.Returned })
	size := 1
	if t.tx.Dialect().RoundTrips() && !t.conf.Ordered {
		size = together
	}
	for len(sources) > 0 && t.most() > 0 {
		n := min(size, len(sources))
		if err := t.claimFrom(ctx, sources[:n]); err != nil {
			return fmt.Errorf("claim from %s/%d and %d more: %w", sources[0].Topic, sources[0].partition, n-1, err)
		}
		if sources = sources[n:]; !t.tx.Dialect().OneWriter() {
			break
		}
	}
	return nil
}

// claimFrom claims the messages of a few partitions, in the order of the sources.
func (t *claiming) claimFrom(ctx context.Context, sources []Source) error {
	if t.conf.Ordered {
		if alone, err := t.lockTopic(ctx, sources[0].Topic); err != nil || !alone {
			return err
		}
	}
	offers, err := t.offers(ctx, sources)
	if err != nil {
		return err
	}
	var questions []schema.Question
	moved, want := int64(0), int64(0)
	for _, o := range offers {
		claims := o.claims[:min(len(o.claims), t.most())]
		if !o.locked || len(claims) == 0 {
			continue
		}
		t.claims, want = append(t.claims, claims...), want+int64(len(claims))
		questions = append(questions, t.move(o.Source, claims, func(rows int64) { moved += rows })...)
	}
	if err := t.tx.Ask(ctx, questions...); err != nil {
		return err
	}
	if moved != want {
		return fmt.Errorf("%w: %d messages were read and %d moved", domain.ErrCorrupt, want, moved)
	}
	return nil
}

// offers locks partitions and reads their messages.
func (t *claiming) offers(ctx context.Context, sources []Source) ([]*offer, error) {
	offers := make([]*offer, len(sources))
	for i, x := range sources {
		offers[i] = &offer{Source: x}
	}
	inOrder := slices.SortedFunc(slices.Values(offers), func(a, b *offer) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.partition, b.partition))
	})
	var questions []schema.Question
	for _, o := range inOrder {
		questions = append(questions, t.lockOffset(o.Topic, o.partition, func(rows int64) { o.locked = rows > 0 }),
			schema.Question{
				Query: t.statements.readNew, Args: []any{t.conf.Group, o.Topic, o.partition, o.last},
				Read: func(rows *sql.Rows) error { return t.read(rows, o) },
			})
	}
	return offers, t.tx.Ask(ctx, questions...)
}

// lockOffset makes this node the only one to claim from a partition until it commits. It changes no row if
// another node has the lock, or if this node's registration has expired.
func (t *claiming) lockOffset(topic string, partition int, tell func(int64)) schema.Question {
	tenure := t.round.Tenure
	return schema.Question{Query: t.statements.lockOffset, Args: []any{t.conf.Group, topic, partition, tenure.Node, tenure.Epoch}, Changed: tell}
}

// read reads the messages of a partition, as far as there is room for them.
func (t *claiming) read(rows *sql.Rows, o *offer) error {
	for len(o.claims) < t.most() && rows.Next() {
		c := Claim{Lease: work.Lease{
			Row: work.Row{Group: t.conf.Group, FirstTopic: o.Topic, Partition: o.partition}, Topic: o.Topic,
			Registration: t.round.Tenure.Registration, Attempt: 1,
		}}
		if err := rows.Scan(&c.Lease.Position, &c.UUID, &c.Payload, &c.Metadata); err != nil {
			return err
		}
		c.Lease.FirstPosition = c.Lease.Position
		o.claims = append(o.claims, c)
	}
	return nil
}

// move puts messages in flight and the offset behind them.
func (t *claiming) move(src Source, claims []Claim, tell func(int64)) []schema.Question {
	first, last := claims[0].Lease.Position, claims[len(claims)-1].Lease.Position
	tenure, now := t.round.Tenure, once(t.tx.Dialect())
	return []schema.Question{
		{Query: `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at)
			SELECT ?1, topic, partition, position, topic, position, uuid, payload, metadata, ?2, ?3, 1, 0, ` + now + `, ` + now + `
			FROM outbox WHERE topic = ?4 AND partition = ?5 AND position >= ?6 AND position <= ?7`,
			Args: []any{t.conf.Group, tenure.Node, tenure.Epoch, src.Topic, src.partition, first, last}, Changed: tell},
		{Query: `UPDATE consumer_offsets SET position = ?1 WHERE consumer_group = ?2 AND topic = ?3 AND partition = ?4`,
			Args: []any{last, t.conf.Group, src.Topic, src.partition}},
	}
}

// lockTopic makes this node the only one of the group to claim from any partition of a topic, and says
// whether nothing of the topic is in flight.
func (t *claiming) lockTopic(ctx context.Context, topic string) (bool, error) {
	var locked, busy bool
	err := t.tx.Ask(ctx, t.lockOffset(topic, Unplaced, func(rows int64) { locked = rows > 0 }), schema.Question{
		Query: `SELECT topic FROM inflight WHERE consumer_group = ?1 AND topic = ?2`, Args: []any{t.conf.Group, topic},
		Read: func(rows *sql.Rows) error {
			busy = rows.Next()
			return rows.Err()
		},
	})
	return locked && !busy, err
}
