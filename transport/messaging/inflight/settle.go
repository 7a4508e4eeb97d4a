package inflight

import (
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

// releaseDelay is how long a message waits that a node could do nothing with: it may well come to the same
// node again.
const releaseDelay = 5 * time.Second

// Settle gives the statements that settle leases. They tell held, for each request in order, whether its
// lease was still held; those that were are settled. A kept lease's row is locked to the end of the
// transaction, so that nobody can take the message over before the outcome is visible.
//
// Where there is one writer at a time, who writes has locked everything: leases to be kept are looked at, all
// with one statement, and those to be passed on are not, since Pass tells whether they were held.
func (s Leases) Settle(d schema.Dialect, requests []work.SettleRequest, held []bool) (questions []schema.Question, err error) {
	clear(held)
	var kept []int // the numbers of requests to be looked at together
	starts := map[work.Registration][]int{}
	for i, r := range requests {
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

// lookAtNodes asks which registrations are good that want to start leases, nearly always one, and tells held.
func lookAtNodes(d schema.Dialect, starts map[work.Registration][]int, held []bool) (questions []schema.Question) {
	for of, numbers := range starts {
		questions = append(questions, schema.Question{
			Query: `SELECT h.partition FROM heads h WHERE h.partition = ?3` + registered(d, `?1`, `?2`), Args: []any{of.Node, of.Epoch, Unplaced},
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

// lookAtRows asks which of the leases of some requests are held, and tells held. CROSS JOIN has SQLite look
// up a row for each, by the table's key.
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
