package messaging

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain/work"
	"orderflow/schema"
)

// InTx is how a subscriber runs its transactions.
type InTx = func(context.Context, func(*schema.Tx) error) error

// WithFirstPause changes the pause after a round that had something to do, so that only
// a wake-up can explain what happens sooner.
func (c Config) WithFirstPause(d time.Duration) Config {
	c.firstPause = d
	return c
}

// WithAdoptAnyway changes how often a subscriber looks for leases it does not know of.
func (c Config) WithAdoptAnyway(d time.Duration) Config {
	c.adoptAnyway = d
	return c
}

// WrapInTx puts something between a subscriber and its database. Call it before Subscribe.
func (s *Subscriber) WrapInTx(wrap func(InTx) InTx) { s.inTx = wrap(s.inTx) }

// DeclareLost is what a node does before it takes over what another one held.
func DeclareLost(ctx context.Context, tx *schema.Tx, t work.Tenure) (bool, error) {
	l, err := declareLost(ctx, tx, t)
	return l != nil, err
}

// WithPlace gives a message its place in the log.
func WithPlace(m *message.Message, partition int, position int64) *message.Message {
	return withPlace(m, place{partition: partition, position: position, at: time.Now()})
}

// ReturnedQueries are the statements of a subscriber that read rows in flight.
func ReturnedQueries(d schema.Dialect, topics []string) map[string]string {
	q := makeQueries(d, topics, 50)
	return map[string]string{"look": q.look, "readReturned": q.readReturned}
}

// Say logs what is to be said of lost nodes, as Run does once a second.
func (x *Losses) Say() { x.say() }
