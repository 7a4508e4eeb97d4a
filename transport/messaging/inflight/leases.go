package inflight

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Leases settles leases in the transaction that stores what was done under them.
type Leases struct {
	// ReturnDelay is how long a message that was given back waits for its next attempt.
	ReturnDelay time.Duration
}

// releaseDelay is how long a message waits that a node could do nothing with: it may well come
// to the same node again.
const releaseDelay = 5 * time.Second

// fence names the in-flight row of a lease, by the table's key, as long as it is held.
// The position is that of the message in hand: a lease that is passed on begins with the first
// attempt again, and positions within a row only grow, so that it tells the handler of one
// message from that of the next. Statements use ?1 to ?8 for it.
const fence = ` WHERE consumer_group = ?1 AND first_topic = ?2 AND partition = ?3 AND first_position = ?4
	AND node = ?5 AND epoch = ?6 AND attempt = ?7 AND position = ?8`

// fenceArgs has room for those of pass.
func fenceArgs(l work.Lease) []any {
	return append(make([]any, 0, 13), l.Group, l.FirstTopic, l.Partition, l.FirstPosition, l.Node, l.Epoch, l.Attempt, l.Position)
}

// Settle gives the statements that settle leases and tell held, for each request in
// order, whether its lease was still held; those that were are settled. A kept lease's
// row is locked to the end of the transaction, so that nobody can take the message over
// before the outcome is visible. Where there is one writer at a time, a lease to be passed
// on is not looked at: Pass tells whether it was held.
func (s Leases) Settle(d schema.Dialect, requests []work.SettleRequest, held []bool) (questions []schema.Question, err error) {
	clear(held)
	var sets heldSets
	var nodes starters
	for i, r := range requests {
		if nodes.add(r, i) || !d.Batches() && sets.add(r, i) {
			continue
		}
		if r.Settle == work.SettlePass && !d.Batches() {
			held[i] = true
			continue
		}
		one, err := s.settle(d, r, func(rows int64) { held[i] = rows > 0 })
		if err != nil {
			return nil, err
		}
		questions = append(questions, one...)
	}
	return slices.Concat(nodes.ask(d, held), sets.ask(held), questions), nil
}

// settle gives the statements for one request.
func (s Leases) settle(d schema.Dialect, r work.SettleRequest, tell func(int64)) ([]schema.Question, error) {
	switch r.Settle {
	case work.SettleKeep, work.SettlePass: // which Pass completes
		return []schema.Question{keep(r.Lease, tell)}, nil
	case work.SettleDone:
		return []schema.Question{remove(r.Lease, tell)}, nil
	case work.SettleReturn:
		return []schema.Question{giveBack(d, r.Lease, s.ReturnDelay, 1, tell)}, nil
	case work.SettleHandBack:
		return []schema.Question{giveBack(d, r.Lease, 0, 0, tell)}, nil
	case work.SettleRelease:
		return []schema.Question{giveBack(d, r.Lease, releaseDelay, 0, tell)}, nil
	case work.SettlePark:
		return park(d, r.Lease, r.Reason, tell), nil
	}
	return nil, fmt.Errorf("%w: settlement %d of the lease of %s/%d/%d by node %s",
		domain.ErrInvalid, r.Settle, r.Lease.Topic, r.Lease.Partition, r.Lease.Position, r.Lease.Node)
}

// keep locks the row of a lease.
func keep(l work.Lease, tell func(int64)) schema.Question {
	return schema.Question{Query: `UPDATE inflight SET attempt = attempt` + fence, Args: fenceArgs(l), Changed: tell}
}

// remove ends a lease whose message has been dealt with.
func remove(l work.Lease, tell func(int64)) schema.Question {
	return schema.Question{Query: `DELETE FROM inflight` + fence, Args: fenceArgs(l), Changed: tell}
}

// giveBack makes the message nobody's, to be claimed after a delay.
func giveBack(d schema.Dialect, l work.Lease, delay time.Duration, interruptions int, tell func(int64)) schema.Question {
	return schema.Question{Query: `UPDATE inflight SET node = '', epoch = 0, interruptions = interruptions + ?9,
		available_at = ` + d.NowPlus("?10") + fence, Args: append(fenceArgs(l), interruptions, delay.Milliseconds()), Changed: tell}
}

// park moves the in-flight row to the dead letters. The first statement locks the row,
// so that the others find it, or not, as the first did.
func park(d schema.Dialect, l work.Lease, reason string, tell func(int64)) []schema.Question {
	return []schema.Question{
		keep(l, tell),
		{Query: `INSERT INTO dead_letters
			(consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
			SELECT consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, ?9, ` + d.Now() + `
			FROM inflight` + fence, Args: append(fenceArgs(l), reason)},
		remove(l, nil),
	}
}
