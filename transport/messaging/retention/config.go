package retention

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
)

// Config says how long rows that nobody needs any more are kept. Zero fields take their defaults.
type Config struct {
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
	Logger *logrus.Entry
}

func (c Config) withDefaults() Config {
	c.Keep = cmp.Or(c.Keep, 10*time.Minute)
	c.KeepNodes = cmp.Or(c.KeepNodes, max(c.Keep, time.Hour))
	c.Every = cmp.Or(c.Every, time.Minute)
	c.Batch = cmp.Or(c.Batch, 1000)
	c.Rest = cmp.Or(c.Rest, 50*time.Millisecond)
	if c.Logger == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		c.Logger = logrus.NewEntry(silent)
	}
	return c
}

func (c Config) validate() error {
	switch {
	case c.Keep < 0 || c.KeepNodes < 0 || c.Every < 0 || c.Rest < 0:
		return fmt.Errorf("%w: retention: Keep %s, KeepNodes %s, Every %s, Rest %s (none may be negative)", domain.ErrInvalid, c.Keep, c.KeepNodes, c.Every, c.Rest)
	case c.Batch < 1:
		return fmt.Errorf("%w: retention: Batch %d (at least 1)", domain.ErrInvalid, c.Batch)
	}
	return nil
}
