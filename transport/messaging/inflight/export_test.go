package inflight

import (
	"context"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Reading has the nodes that register be of a program that reads events up to a level.
func (n *Nodes) Reading(level int) *Nodes {
	n.level = level
	return n
}

// DeclareLost is what a node does before it takes over what another one held.
func DeclareLost(ctx context.Context, tx *schema.Tx, t work.Registration) (bool, error) {
	l, err := declareLost(ctx, tx, t)
	return l != nil, err
}

// ReturnedQueries are the statements of a claimer that read rows in flight.
func ReturnedQueries(d schema.Dialect, topics []string) map[string]string {
	q := makeStatements(d, topics, 50)
	return map[string]string{"look": q.look, "readReturned": q.readReturned}
}
