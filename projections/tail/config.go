package tail

import (
	"cmp"
	"time"

	"orderflow/projections/internal/rows"
)

// Log is the log of events, as the event store keeps it.
type Log interface {
	rows.Log
	Partitions() int
	// Ends is a table, for a FROM clause, with the partition and head of every partition of the log. With
	// passing, those whose rows are locked may be left out.
	Ends(passing bool) string
	// HasEvent is the condition of a statement that the log has an event at a place, with its hash:
	// the placeholders of partition, position and hash.
	HasEvent(partition, position, hash string) string
}

// Config says how a projector works.
type Config struct {
	// BatchSize is how many events share a transaction at most; 2,500 by default, at least 2.
	// Only a projector that is far behind takes so many.
	BatchSize int
	// Poll is the longest time between two looks at the log, which find what other
	// processes have appended; 1 s by default.
	Poll time.Duration
	// Linger is the pause between being woken and looking at the log, so that an order that
	// lives for a moment is written once, when it has ended; 50 ms by default.
	Linger time.Duration
	// MaxLinger bounds the same pause under load. There it grows with the time that a round
	// takes, so that more events share a row and a transaction; 200 ms by default, Linger at
	// least.
	MaxLinger time.Duration
	// OnRound is told how each round ended, if it is not nil. It must not block.
	OnRound func(error)
	// OnError is told what went wrong, if it is not nil: what is tried again, and rows that
	// were mended. It must not block.
	OnError func(error)

	bounds bounds
}

// bounds say how long a projector waits in one partition while others lie still.
type bounds struct {
	row    time.Duration // for a row that another transaction has locked
	batch  time.Duration // for a batch in all
	silent time.Duration // until OnError is told of a partition that is passed over
}

var defaultBounds = bounds{row: 250 * time.Millisecond, batch: 15 * time.Second, silent: 10 * time.Second}

func (c Config) withDefaults() Config {
	c.BatchSize = max(cmp.Or(c.BatchSize, 2500), leastBatch)
	c.Poll = cmp.Or(c.Poll, time.Second)
	c.Linger = cmp.Or(c.Linger, 50*time.Millisecond)
	c.bounds = cmp.Or(c.bounds, defaultBounds)
	c.MaxLinger = max(cmp.Or(c.MaxLinger, 200*time.Millisecond), c.Linger)
	if c.OnRound == nil {
		c.OnRound = func(error) {}
	}
	if c.OnError == nil {
		c.OnError = func(error) {}
	}
	return c
}
