package inflight

import (
	"cmp"
	"database/sql"
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

// releaseDelay is how long a message waits that its node could not handle, since it may come to the same
// node again.
const releaseDelay = 5 * time.Second

// Settle gives the statements that settle leases. They set held, for each request in order, to whether its
// lease was still held, and settle the leases that were. The row of a lease that is kept stays locked to the
// end of the transaction, so that nobody can take the message over before the outcome is visible.
//
// Where there is one writer at a time, the transaction has locked everything. Then one statement reads all
// leases to be kept, and leases to be passed on count as held, since Pass finds out.
func (s Leases) Settle(d schema.Dialect, requests []work.SettleRequest, held []bool) (questions []schema.Question, err error) {
	clear(held)
	var kept []int // the numbers of requests to be looked at together
	starts := map[work.Registration][]int{}
	for _, i := range byStatement(requests) {
		r := requests[i]
		switch {
		case r.Settle == work.SettleStart:
			starts[r.Lease.Registration] = append(starts[r.Lease.Registration], i)
		case r.Settle == work.SettleKeep && d.OneWriter():
			kept = append(kept, i)
		case r.Settle == work.SettlePass && d.OneWriter():
			held[i] = true
		default:
			one, err := s.settle(d, r, func(rows int64) { held[i] = rows > 0 })
			if err != nil {
				return nil, err
			}
			questions = append(questions, one...)
		}
	}
	return slices.Concat(lookAtNodes(d, starts, held), lookAtRows(requests, kept, held), questions), nil
}

// byStatement gives the numbers of requests so that those which need the same statement follow each other.
func byStatement(requests []work.SettleRequest) []int {
	statement := func(i int) work.Settlement {
		if s := requests[i].Settle; s != work.SettlePass {
			return s
		}
		return work.SettleKeep
	}
	numbers := make([]int, len(requests))
	for i := range numbers {
		numbers[i] = i
	}
	slices.SortStableFunc(numbers, func(a, b int) int { return cmp.Compare(statement(a), statement(b)) })
	return numbers
}

// settle gives the statements for one request.
func (s Leases) settle(d schema.Dialect, r work.SettleRequest, tell func(rows int64)) ([]schema.Question, error) {
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

// lookAtNodes asks whether the registrations are good that start leases, nearly always one, and sets held.
func lookAtNodes(d schema.Dialect, starts map[work.Registration][]int, held []bool) (questions []schema.Question) {
	for of, numbers := range starts {
		questions = append(questions, schema.Question{
			Query: `SELECT h.partition FROM heads h WHERE h.partition = ?3` + registered(d, `?1`, `?2`), Args: []any{of.Node, of.Epoch, Unplaced},
			Want: 1,
			Read: func(rows *sql.Rows) error {
				good := rows.Next()
				for _, i := range numbers {
					held[i] = good
				}
				return rows.Err()
			},
		})
	}
	return questions
}

// lookAtRows asks which of the leases of some requests are held, and sets held. With CROSS JOIN, SQLite
// looks each row up by the table's key.
func lookAtRows(requests []work.SettleRequest, numbers []int, held []bool) (questions []schema.Question) {
	_ = schema.Rows(len(numbers), 9, func(from, to int, values string) error {
		var args []any
		for _, i := range numbers[from:to] {
			args = append(append(args, fenceArgs(requests[i].Lease)...), i)
		}
		questions = append(questions, schema.Question{
			Query: `SELECT v.column9 FROM (VALUES ` + values + `) v CROSS JOIN inflight i
				ON i.consumer_group = v.column1 AND i.first_topic = v.column2 AND i.partition = v.column3 AND i.first_position = v.column4
				AND i.node = v.column5 AND i.epoch = v.column6 AND i.attempt = v.column7 AND i.position = v.column8`,
			Args: args,
			Read: func(rows *sql.Rows) error {
				for rows.Next() {
					var number int
					if err := rows.Scan(&number); err != nil {
						return err
					}
					held[number] = true
				}
				return rows.Err()
			},
		})
		return nil
	})
	return questions
}

// Pass gives the statements that turn the rows of leases into those of other messages. Neither the key of a
// row nor its entry in the index changes, so that one row of one B-tree is written. claimed_at stays the time
// since which the node has the row. The statements set held. Where several write at a time, Settle has locked the
// rows already, before the head, so that nobody waits for them under the head's lock.
func (s Leases) Pass(_ schema.Dialect, passes []work.Pass, held []bool) ([]schema.Question, error) {
	questions := make([]schema.Question, len(passes))
	for i, p := range passes {
		l, m := p.Lease, p.Message
		if m.Partition != l.Partition || m.Position <= l.Position {
			return nil, fmt.Errorf("%w: the lease of %s/%d/%d cannot be passed on to %s/%d/%d: a row goes forward within its partition",
				domain.ErrInvalid, l.Topic, l.Partition, l.Position, m.Topic, m.Partition, m.Position)
		}
		if err := ValidTopic(m.Topic); err != nil {
			return nil, err
		}
		questions[i] = schema.Question{
			Spare:   true,
			Want:    1,
			Query:   `UPDATE inflight SET topic = ?9, position = ?10, uuid = ?11, payload = ?12, metadata = ?13, attempt = 1, interruptions = 0` + fence,
			Args:    append(fenceArgs(l), m.Topic, m.Position, m.UUID, m.Payload, MarshalMetadata(m.Metadata)),
			Changed: func(rows int64) { held[i] = rows > 0 },
		}
	}
	return questions, nil
}

// Start gives the statements that put messages in flight for nodes that Settle found registered in the same
// transaction. If such a registration ends before the commit, the rows are a lost node's, and others take
// them over.
func (s Leases) Start(d schema.Dialect, starts []work.Pass) (questions []schema.Question, err error) {
	const columns = 11
	rows := make([][]any, len(starts))
	for i, p := range starts {
		m := p.Message
		if err := ValidTopic(m.Topic); err != nil {
			return nil, err
		}
		rows[i] = []any{p.Lease.Group, m.Topic, m.Topic, m.Partition, m.Position, m.Position, m.UUID, m.Payload, MarshalMetadata(m.Metadata), p.Lease.Node, p.Lease.Epoch}
	}
	into := `INSERT INTO inflight (consumer_group, first_topic, topic, partition, first_position, position, uuid, payload, metadata, node, epoch,
		attempt, interruptions, claimed_at, available_at) `
	begun := `, 1, 0, ` + d.Now() + `, ` + d.Now()
	return []schema.Question{{
		Query: into + `SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11` + begun +
			` FROM (VALUES *) AS started`,
		Args: slices.Concat(rows...), Width: columns,
	}}, nil
}

// fence is the condition that a row is that of a lease which is still held; it uses ?1 to ?8. The position is
// that of the message in hand. Positions within a row only grow, and attempts begin again when a lease is
// passed on, so the position tells the handler of one message from that of the next.
const fence = ` WHERE consumer_group = ?1 AND first_topic = ?2 AND partition = ?3 AND first_position = ?4
	AND node = ?5 AND epoch = ?6 AND attempt = ?7 AND position = ?8`

// fenceArgs are the arguments of fence, with room for those of Pass.
func fenceArgs(l work.Lease) []any {
	return append(make([]any, 0, 13), l.Group, l.FirstTopic, l.Partition, l.FirstPosition, l.Node, l.Epoch, l.Attempt, l.Position)
}

// keep locks the row of a lease. It changes available_at, which says nothing while somebody holds the lease:
// an engine need not lock a row for an update that changes nothing.
func keep(l work.Lease, tell func(rows int64)) schema.Question {
	const one, other = `'1970-01-01 00:00:00.000000'`, `'1970-01-01 00:00:00.000001'`
	return schema.Question{Query: `UPDATE inflight SET available_at = CASE WHEN available_at = ` + one + ` THEN ` + other + ` ELSE ` + one + ` END` + fence,
		Args: fenceArgs(l), Spare: true, Changed: tell, Want: 1}
}

// remove ends a lease whose message has been dealt with.
func remove(l work.Lease, tell func(rows int64)) schema.Question {
	return schema.Question{Query: `DELETE FROM inflight` + fence, Args: fenceArgs(l), Spare: true, Changed: tell, Want: 1}
}

// giveBack frees the row, to be claimed after a delay.
func giveBack(d schema.Dialect, l work.Lease, delay time.Duration, interruptions int, tell func(rows int64)) schema.Question {
	return schema.Question{Query: `UPDATE inflight SET node = '', epoch = 0, interruptions = interruptions + ?9,
		available_at = ` + d.NowPlus("?10") + fence, Args: append(fenceArgs(l), interruptions, delay.Milliseconds()), Spare: true, Changed: tell, Want: 1}
}

// park moves the in-flight row to the dead letters. The first statement locks the row, so that all
// statements see the same.
func park(d schema.Dialect, l work.Lease, reason string, tell func(rows int64)) []schema.Question {
	return []schema.Question{
		keep(l, tell),
		{Query: `INSERT INTO dead_letters
			(consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
			SELECT consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, ?9, ` + d.Now() + `
			FROM inflight` + fence, Args: append(fenceArgs(l), reason)},
		remove(l, nil),
	}
}
