package inflight

import (
	"fmt"
	"slices"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// Pass gives the statements that make the rows of leases those of other messages, where they are: neither the
// key nor what the index holds changes, so that one row of one B-tree is written. claimed_at stays: the time
// since which the node has the row. Where Settle has locked the rows in the same transaction they are held;
// where there is one writer, the statements tell held which were.
func (s Leases) Pass(d schema.Dialect, passes []work.Pass, held []bool) ([]schema.Question, error) {
	questions := make([]schema.Question, len(passes))
	for i, p := range passes {
		l, m := p.Lease, p.Message
		if m.Partition != l.Partition || m.Position <= l.Position {
			return nil, fmt.Errorf("%w: the lease of %s/%d/%d cannot be passed on to %s/%d/%d: a row goes forward within its partition",
				domain.ErrInvalid, l.Topic, l.Partition, l.Position, m.Topic, m.Partition, m.Position)
		}
		metadata, err := storable(m)
		if err != nil {
			return nil, err
		}
		questions[i] = schema.Question{
			Query: `UPDATE inflight SET topic = ?9, position = ?10, uuid = ?11, payload = ?12, metadata = ?13, attempt = 1, interruptions = 0` + fence,
			Args:  append(fenceArgs(l), m.Topic, m.Position, m.UUID, m.Payload, metadata),
		}
		if held[i] = !d.OneWriter(); !held[i] {
			questions[i].Changed = func(rows int64) { held[i] = rows > 0 }
		}
	}
	return questions, nil
}

// Start gives the statements that put messages in flight for nodes that Settle found to be registered, in the
// same transaction. If such a registration ends before the commit, the rows are those of a lost node, which
// others take over.
func (s Leases) Start(d schema.Dialect, starts []work.Pass) (questions []schema.Question, err error) {
	const columns = 11
	rows := make([][]any, len(starts))
	for i, p := range starts {
		m := p.Message
		metadata, err := storable(m)
		if err != nil {
			return nil, err
		}
		rows[i] = []any{p.Lease.Group, m.Topic, m.Topic, m.Partition, m.Position, m.Position, m.UUID, m.Payload, metadata, p.Lease.Node, p.Lease.Epoch}
	}
	into := `INSERT INTO inflight (consumer_group, first_topic, topic, partition, first_position, position, uuid, payload, metadata, node, epoch,
		attempt, interruptions, claimed_at, available_at) `
	begun := `, 1, 0, ` + d.Now() + `, ` + d.Now()
	if d.RoundTrips() { // statements of one row are sent together
		for _, row := range rows {
			questions = append(questions, schema.Question{Query: into + `VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11` + begun + `)`, Args: row})
		}
		return questions, nil
	}
	err = schema.Rows(len(rows), columns, func(from, to int, values string) error {
		query := into + `SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11` + begun + ` FROM (VALUES ` + values + `)`
		questions = append(questions, schema.Question{Query: query, Args: slices.Concat(rows[from:to]...)})
		return nil
	})
	return questions, err
}

// storable gives a message's metadata as it is stored, if its topic is one.
func storable(m work.OutboxMessage) (metadata string, err error) {
	if err := ValidTopic(m.Topic); err != nil {
		return "", err
	}
	return MarshalMetadata(m.UUID, m.Metadata)
}
