package inflight

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// claiming is one transaction that stores acknowledgements and claims new messages.
type claiming struct {
	tx         *schema.Tx
	conf       *ClaimerConfig
	statements statements
	round      Round

	claims []Claim
	late   []Ack
}

// write stores the acknowledgements and claims, with locks in the order of the package documentation.
func (t *claiming) write(ctx context.Context, sources []Source) error {
	if err := t.storeAcks(ctx); err != nil {
		return fmt.Errorf("store acknowledgements: %w", err)
	}
	err := t.claimNew(ctx, sources)
	if len(t.claims) > 0 {
		crashpoint.Here("claim.moved")
	}
	return err
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
	offset int64 // of the group, when the messages were read
	claims []Claim
	passed int64 // 1 if the offset was moved behind them
	moved  int64 // how many of the messages were put in flight
}

// claimNew claims the next messages of the first partitions that have any. All of a transaction's offsets
// are moved in one order, that of topic and partition, so that no two nodes wait for each other in a
// circle. That is why a transaction asks only once where several write at a time.
func (t *claiming) claimNew(ctx context.Context, sources []Source) error {
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
	offers, err := t.read(ctx, sources)
	if err != nil {
		return err
	}
	return t.moveAll(ctx, offers)
}

// read reads the messages of partitions, and gives those partitions that have any for which there is room.
func (t *claiming) read(ctx context.Context, sources []Source) (offers []*offer, err error) {
	var questions []schema.Question
	for _, x := range sources {
		o := &offer{Source: x}
		offers = append(offers, o)
		questions = append(questions, schema.Question{
			Query: t.statements.readNew, Args: []any{t.conf.Group, x.Topic, x.partition, x.last}, Spare: true,
			Read: func(rows *sql.Rows) error { return t.readOne(rows, o) },
		})
	}
	err = t.tx.Ask(ctx, questions...)
	room := t.most()
	return slices.DeleteFunc(offers, func(o *offer) bool {
		o.claims = o.claims[:min(len(o.claims), room)]
		room -= len(o.claims)
		return len(o.claims) == 0
	}), err
}

// readOne reads the messages of a partition, as far as there is room for them.
func (t *claiming) readOne(rows *sql.Rows, o *offer) error {
	for len(o.claims) < t.most() && rows.Next() {
		c := Claim{Lease: work.Lease{
			Row: work.Row{Group: t.conf.Group, FirstTopic: o.Topic, Partition: o.partition}, Topic: o.Topic,
			Registration: t.round.Tenure.Registration, Attempt: 1,
		}}
		if err := rows.Scan(&o.offset, &c.Lease.Position, &c.UUID, &c.Payload, &c.Metadata); err != nil {
			return err
		}
		c.Lease.FirstPosition = c.Lease.Position
		o.claims = append(o.claims, c)
	}
	return nil
}

// moveAll puts messages in flight that were read. It gives a partition up if another node has claimed from it since.
func (t *claiming) moveAll(ctx context.Context, offers []*offer) error {
	inOrder := slices.SortedFunc(slices.Values(offers), func(a, b *offer) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.partition, b.partition))
	})
	var questions []schema.Question
	for _, o := range inOrder {
		questions = append(questions, t.move(o))
	}
	if err := t.tx.Ask(ctx, questions...); err != nil {
		return err
	}
	for _, o := range offers {
		switch want := int64(len(o.claims)); {
		case o.passed == 1 && o.moved == want:
			t.claims = append(t.claims, o.claims...)
		case o.passed == 0 && o.moved == 0: // another node was quicker
		default:
			return fmt.Errorf("%w: %d messages of %s/%d were read, the offset moved %d times, and %d are in flight",
				domain.ErrCorrupt, want, o.Topic, o.partition, o.passed, o.moved)
		}
	}
	return nil
}

// move moves the offset of a partition behind the messages that were read, and puts these in flight. It does
// neither if the offset is not where it was when they were read, if the last of them is not there any more, or if the
// registration of this node has expired.
func (t *claiming) move(o *offer) schema.Question {
	first, last := o.claims[0].Lease.Position, o.claims[len(o.claims)-1].Lease.Position
	tenure, d := t.round.Tenure, t.tx.Dialect()
	return schema.Question{
		Query: `UPDATE consumer_offsets` + d.SkipLocked() + ` SET position = ?4
			WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3 AND position = ?5 AND position < ?8
			AND EXISTS (SELECT 1 FROM outbox m` + rowsOf(d) + ` WHERE m.topic = ?2 AND m.partition = ?3 AND m.position = ?4)` + registered(d, `?6`, `?7`),
		Then: `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at)
			SELECT ?1, topic, partition, position, topic, position, uuid, payload, metadata, ?6, ?7, 1, 0, ` + once(d) + `, ` + once(d) + `
			FROM outbox` + rowsOf(d) + ` WHERE topic = ?2 AND partition = ?3 AND position >= ?8 AND position <= ?4`,
		Args:  []any{t.conf.Group, o.Topic, o.partition, last, o.offset, tenure.Node, tenure.Epoch, first},
		Spare: true, Both: func(passed, moved int64) { o.passed, o.moved = passed, moved },
	}
}

// lockTopic makes this node the only one of the group to claim from any partition of a topic, and says
// whether nothing of the topic is in flight. The row of the topic's turn is changed, and changed back: an engine
// need not lock a row for an update that changes nothing.
func (t *claiming) lockTopic(ctx context.Context, topic string) (bool, error) {
	var locked, busy bool
	tenure, d := t.round.Tenure, t.tx.Dialect()
	const turn = ` WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3`
	err := t.tx.Ask(ctx, schema.Question{
		Query: `UPDATE consumer_offsets` + d.SkipLocked() + ` SET position = position + 1` + turn + registered(d, `?4`, `?5`),
		Then:  `UPDATE consumer_offsets SET position = position - 1` + turn,
		Args:  []any{t.conf.Group, topic, Unplaced, tenure.Node, tenure.Epoch},
		Spare: true, Both: func(_, back int64) { locked = back > 0 },
	}, schema.Question{
		Query: `SELECT topic FROM inflight WHERE consumer_group = ?1 AND topic = ?2`, Args: []any{t.conf.Group, topic},
		Read: func(rows *sql.Rows) error {
			busy = rows.Next()
			return rows.Err()
		},
	})
	return locked && !busy, err
}
