package inflight

import (
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/schema"
)

// pass makes the row of a lease that of another message, where it is: neither the key nor
// what the index holds changes, so that one row of one B-tree is written. claimed_at stays,
// the time since which the node has the row.
const pass = `UPDATE inflight SET topic = ?9, position = ?10, uuid = ?11, payload = ?12, metadata = ?13, attempt = 1, interruptions = 0` + fence

// Pass gives the statements that make the rows of leases those of other messages. Where
// Settle has looked at the rows and locked them, in the same transaction, they are held;
// otherwise the statements tell held which were.
func (s Leases) Pass(d schema.Dialect, passes []work.Pass, held []bool) ([]schema.Question, error) {
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
		metadata, err := MarshalMetadata(m.UUID, m.Metadata)
		if err != nil {
			return nil, err
		}
		questions[i] = schema.Question{Query: pass, Args: append(fenceArgs(l), m.Topic, m.Position, m.UUID, m.Payload, metadata)}
		if held[i] = d.Batches(); !held[i] {
			questions[i].Changed = func(rows int64) { held[i] = rows > 0 }
		}
	}
	return questions, nil
}
