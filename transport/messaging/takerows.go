package messaging

import (
	"database/sql"
	"slices"

	"orderflow/domain"
	"orderflow/schema"
)

const (
	takenColumns = `consumer_group, topic, partition, position, uuid, payload, metadata, node, epoch`
	takenWidth   = 9
)

// Take gives the statements that put messages in flight for nodes that Settle found to be
// registered, in the same transaction. If such a registration ends before the commit,
// the rows are those of a lost node, which others take over.
func (s Leases) Take(d schema.Dialect, takes []domain.Pass) (questions []schema.Question, err error) {
	rows := make([][]any, len(takes))
	for i, p := range takes {
		m := p.Message
		metadata, err := marshalMetadata(m.UUID, m.Metadata)
		if err != nil {
			return nil, err
		}
		if err := validTopic(m.Topic); err != nil {
			return nil, err
		}
		rows[i] = []any{p.Lease.Group, m.Topic, m.Partition, m.Position, m.UUID, m.Payload, metadata, p.Lease.Node, p.Lease.Epoch}
	}
	into := `INSERT INTO inflight (` + takenColumns + `, attempt, interruptions, claimed_at, available_at) `
	begun := `, 1, 0, ` + d.Now() + `, ` + d.Now()
	if d.Batches() {
		for _, row := range rows {
			questions = append(questions, schema.Question{Query: into + `VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9` + begun + `)`, Args: row})
		}
		return questions, nil
	}
	err = schema.Rows(len(rows), takenWidth, func(from, to int, values string) error {
		query := into + `SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9` + begun + ` FROM (VALUES ` + values + `)`
		questions = append(questions, schema.Question{Query: query, Args: slices.Concat(rows[from:to]...)})
		return nil
	})
	return questions, err
}

// standing asks whether a node is registered, so that it may be given leases.
func standing(d schema.Dialect, o owner, tell func(bool)) schema.Question {
	return schema.Question{
		Query: `SELECT h.partition FROM heads h WHERE h.partition = ?3` + registered(d, `?1`, `?2`), Args: []any{o.node, o.epoch, unplaced},
		Read: func(rows *sql.Rows) error {
			tell(rows.Next())
			return rows.Err()
		},
	}
}
