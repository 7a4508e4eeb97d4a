package messaging

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

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
	c.adoptEvery = d
	return c
}

// WrapInTx puts something between a subscriber and its database. Call it before Subscribe.
func (s *Subscriber) WrapInTx(wrap func(InTx) InTx) { s.loop.claimer.InTx = wrap(s.loop.claimer.InTx) }

// Draining ends when draining begins.
func (s *Subscriber) Draining() <-chan struct{} { return s.slots.draining.Done() }

// WithPosition gives a message its position in the log.
func WithPosition(m *message.Message, partition int, position int64) *message.Message {
	return withPosition(m, logPosition{partition: partition, position: position, at: time.Now()})
}
