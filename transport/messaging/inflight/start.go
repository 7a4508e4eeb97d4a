package inflight

import (
	"database/sql"
	"slices"

	"orderflow/domain/work"
	"orderflow/schema"
)

const (
	startedColumns = `consumer_group, first_topic, topic, partition, first_position, position, uuid, payload, metadata, node, epoch`
	startedWidth   = 11
)

// Start gives the statements that put messages in flight for nodes that Settle found to be
// registered, in the same transaction. If such a registration ends before the commit,
// the rows are those of a lost node, which others take over.
func (s Leases) Start(d schema.Dialect, starts []work.Pass) (questions []schema.Question, err error) {
	rows := make([][]any, len(starts))
	for i, p := range starts {
		m := p.Message
		metadata, err := MarshalMetadata(m.UUID, m.Metadata)
		if err != nil {
			return nil, err
		}
		if err := ValidTopic(m.Topic); err != nil {
			return nil, err
		}
		rows[i] = []any{p.Lease.Group, m.Topic, m.Topic, m.Partition, m.Position, m.Position, m.UUID, m.Payload, metadata, p.Lease.Node, p.Lease.Epoch}
	}
	into := `INSERT INTO inflight (` + startedColumns + `, attempt, interruptions, claimed_at, available_at) `
	begun := `, 1, 0, ` + d.Now() + `, ` + d.Now()
	if d.Batches() {
		for _, row := range rows {
			questions = append(questions, schema.Question{Query: into + `VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11` + begun + `)`, Args: row})
		}
		return questions, nil
	}
	err = schema.Rows(len(rows), startedWidth, func(from, to int, values string) error {
		query := into + `SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11` + begun + ` FROM (VALUES ` + values + `)`
		questions = append(questions, schema.Question{Query: query, Args: slices.Concat(rows[from:to]...)})
		return nil
	})
	return questions, err
}

// starters are the registrations that want to start leases, with the numbers of their
// requests: nearly always there is one.
type starters map[work.Registration][]int

// add adds the request, if it is such a one.
func (t *starters) add(r work.SettleRequest, number int) bool {
	if r.Settle != work.SettleStart {
		return false
	}
	if *t == nil {
		*t = starters{}
	}
	(*t)[r.Lease.Registration] = append((*t)[r.Lease.Registration], number)
	return true
}

// ask gives the statements, which tell held which of the registrations are good.
func (t starters) ask(d schema.Dialect, held []bool) (questions []schema.Question) {
	for of, numbers := range t {
		questions = append(questions, schema.Question{
			Query: `SELECT h.partition FROM heads h WHERE h.partition = ?3` + registered(d, `?1`, `?2`), Args: []any{of.Node, of.Epoch, Unplaced},
			Read: func(rows *sql.Rows) error {
				registered := rows.Next()
				for _, i := range numbers {
					held[i] = registered
				}
				return rows.Err()
			},
		})
	}
	return questions
}
