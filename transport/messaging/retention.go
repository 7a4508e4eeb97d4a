package messaging

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain"
	"orderflow/schema"
)

// RetentionConfig is how long what has been dealt with is kept. Zero fields take their
// defaults.
type RetentionConfig struct {
	// Keep is how long a message stays after it was written, at least. 10 minutes by default.
	Keep time.Duration
	// KeepNodes is how long a registration stays after it has expired, at least; the latest of
	// a name stays for 30 days at least. As long as Keep by default, but an hour at least.
	KeepNodes time.Duration
	// Every is the time between sweeps, give or take a tenth. 1 minute by default.
	Every time.Duration
	// Batch is how many messages one transaction removes at most. 1,000 by default.
	Batch int
	// Rest is the time between transactions that removed something. 50 ms by default.
	Rest time.Duration
	// Logger hears of sweeps that failed. Silent if nil.
	Logger watermill.LoggerAdapter
}

// lastOfName is how long the latest registration of a node's name is kept. The next
// epoch is counted from it: were it gone, a process that has been suspended all the while
// could renew the registration of its successor.
const lastOfName = 30 * 24 * time.Hour

func (c RetentionConfig) withDefaults() RetentionConfig {
	for _, f := range []struct {
		value  *time.Duration
		normal time.Duration
	}{
		{&c.Keep, 10 * time.Minute}, {&c.KeepNodes, max(c.Keep, time.Hour)}, {&c.Every, time.Minute}, {&c.Rest, 50 * time.Millisecond},
	} {
		if *f.value == 0 {
			*f.value = f.normal
		}
	}
	if c.Batch == 0 {
		c.Batch = 1000
	}
	if c.Logger == nil {
		c.Logger = watermill.NopLogger{}
	}
	return c
}

func (c RetentionConfig) validate() error {
	switch {
	case c.Keep < 0 || c.KeepNodes < 0 || c.Every < 0 || c.Rest < 0:
		return fmt.Errorf("%w: retention: Keep %s, KeepNodes %s, Every %s, Rest %s (none may be negative)", domain.ErrInvalid, c.Keep, c.KeepNodes, c.Every, c.Rest)
	case c.Batch < 1:
		return fmt.Errorf("%w: retention: Batch %d (at least 1)", domain.ErrInvalid, c.Batch)
	}
	return nil
}

// Retention removes what nobody needs any more: messages that every consumer group of
// their topic has claimed, and registrations of nodes that have ended. It works in small
// transactions with pauses between them, so that it is not in the way of others, and any
// number of nodes may do it at once. Events are not its business; a topic that no group
// consumes keeps its messages, and a group that consumes no more keeps those of its
// topics until its rows of consumer_offsets are deleted.
type Retention struct {
	db   *schema.DB
	conf RetentionConfig
}

// NewRetention gives the retention of a database. A configuration that does not fit is an
// error of kind domain.ErrInvalid of Run and Sweep.
func NewRetention(db *schema.DB, c RetentionConfig) *Retention {
	return &Retention{db: db, conf: c.withDefaults()}
}

// Run sweeps every so often until ctx ends, when it gives nil. A sweep that fails is
// logged and done again the next time.
func (r *Retention) Run(ctx context.Context) error {
	if err := r.conf.validate(); err != nil {
		return err
	}
	for {
		// Nodes that started together do not sweep together.
		if !rest(ctx, r.conf.Every*9/10+rand.N(r.conf.Every/5+1)) {
			return nil
		}
		if _, err := r.Sweep(ctx); err != nil && ctx.Err() == nil {
			r.conf.Logger.Error("old messages and registrations could not be removed; trying again later", err, nil)
		}
	}
}

// Swept is what a sweep removed.
type Swept struct {
	Messages int64
	Nodes    int64
	// Recovered are in-flight messages of registrations that are not there, which only
	// somebody's hand can have removed. They can be claimed again.
	Recovered int64
}

// Sweep removes all that may be removed now, and says how much it was, also when it
// fails halfway.
func (r *Retention) Sweep(ctx context.Context) (Swept, error) {
	if err := r.conf.validate(); err != nil {
		return Swept{}, err
	}
	var done Swept
	var now schema.Time // the database's
	err := r.db.Translate(r.db.QueryRowContext(ctx, `SELECT `+r.db.Dialect().Now()).Scan(&now))
	if err == nil {
		err = r.sweepMessages(ctx, now.Add(-r.conf.Keep), &done.Messages)
	}
	if err == nil {
		err = r.sweepNodes(ctx, now.Time, &done)
	}
	if err != nil {
		return done, fmt.Errorf("retention: %w", err)
	}
	return done, nil
}

// rest waits, and says no if ctx ends first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
