package messaging

import (
	"orderflow/domain"
	"orderflow/schema"
)

// Pass gives the statements that make the rows of leases those of other messages. The
// leases were found to be held by Settle, in the same transaction, which has removed
// their rows where it settles sets.
func (s Leases) Pass(d schema.Dialect, passes []domain.Pass) ([]schema.Question, error) {
	metadata := make([]string, len(passes))
	for i, p := range passes {
		var err error
		if metadata[i], err = marshalMetadata(p.Message.UUID, p.Message.Metadata); err != nil {
			return nil, err
		}
		if err := validTopic(p.Message.Topic); err != nil {
			return nil, err
		}
	}
	if d.Batches() {
		return passEach(d, passes, metadata), nil
	}
	return passSet(d, passes, metadata), nil
}

func passEach(d schema.Dialect, passes []domain.Pass, metadata []string) (questions []schema.Question) {
	for i, p := range passes {
		m := p.Message
		questions = append(questions, schema.Question{
			Query: `UPDATE inflight SET topic = ?8, partition = ?9, position = ?10, uuid = ?11, payload = ?12, metadata = ?13,
				attempt = 1, interruptions = 0, claimed_at = ` + d.Now() + `, available_at = ` + d.Now() + fence,
			Args: append(fenceArgs(p.Lease), m.Topic, m.Partition, m.Position, m.UUID, m.Payload, metadata[i]),
		})
	}
	return questions
}

func passSet(d schema.Dialect, passes []domain.Pass, metadata []string) (questions []schema.Question) {
	const width = 9
	_ = schema.Rows(len(passes), width, func(from, to int, values string) error {
		args := make([]any, 0, (to-from)*width)
		for i, p := range passes[from:to] {
			m := p.Message
			args = append(args, p.Lease.Group, m.Topic, m.Partition, m.Position, m.UUID, m.Payload, metadata[from+i], p.Lease.Node, p.Lease.Epoch)
		}
		questions = append(questions, schema.Question{Query: `INSERT INTO inflight (consumer_group, topic, partition, position, uuid, payload, metadata,
				node, epoch, attempt, interruptions, claimed_at, available_at)
			SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, 1, 0, ` + d.Now() + `, ` + d.Now() + `
			FROM (VALUES ` + values + `)`, Args: args})
		return nil
	})
	return questions
}
