package messaging

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/transport/messaging/inflight"
)

// Config is how a subscriber works. Zero fields take their defaults.
type Config struct {
	// Group is the consumer group: each group gets every message once. "workers" by default.
	Group string
	// Slots is how many messages are handled at once, over all topics. 50 by default.
	Slots int
	// Tenure gives the node's present registration; false while it has none, and then nothing is
	// claimed. Required.
	Tenure func() (work.Tenure, bool)
	// Topics is the order in which topics are served, the first first. Topics that are not
	// named come after them. work.Topics() by default.
	Topics []string
	// Ordered keeps one message of a topic in flight in the whole group and redelivers it
	// before the next one. Slots should be 1 then.
	Ordered bool
	// IdlePoll is the longest pause between polls of an idle subscriber. 250 ms by default.
	IdlePoll time.Duration
	// NackDelay is how long a nacked message waits before it is claimed again. 100 ms by
	// default, 24 days at most; negative for none.
	NackDelay time.Duration
	// CloseWait is how long Close waits for handlers to ack or nack after their contexts
	// ended. 1 s by default.
	CloseWait time.Duration
	// AloneAfter is how many interruptions make a message of a lost node a suspect: perhaps the
	// message kills its nodes. A subscriber has one suspect in hand at a time, so that no other
	// suspect is interrupted with it. To be of use it must be less than the interruptions after
	// which a message is given up. 2 by default.
	AloneAfter int
	// Held says that no message of a topic may be begun just now: the topic is paused, or the node is cordoned. It must
	// not block. Nothing is held if nil.
	Held func(topic string) bool
	// Losses hears of lost nodes, and of what was taken over from them. Optional.
	Losses *inflight.Losses
	// Bell wakes the subscriber when its process publishes. Optional.
	Bell *Bell
	// OnRound is told how each round of claiming and settling ended; it must not block. Optional.
	OnRound func(error)
	// Logger hears of what was retried and of lost leases. Silent if nil.
	Logger *logrus.Entry

	firstPause, adoptEvery time.Duration // tests change them
}

// firstPause is the pause after a round that had something to do; it doubles up to Config.IdlePoll while
// nothing is found.
const firstPause = 5 * time.Millisecond

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	c.Group = cmp.Or(c.Group, inflight.Workers)
	c.Slots = cmp.Or(c.Slots, 50)
	if c.Topics == nil {
		c.Topics = work.Topics()
	}
	c.IdlePoll = cmp.Or(c.IdlePoll, 250*time.Millisecond)
	c.NackDelay = max(cmp.Or(c.NackDelay, 100*time.Millisecond), 0)
	c.AloneAfter = cmp.Or(c.AloneAfter, 2)
	c.CloseWait = cmp.Or(c.CloseWait, time.Second)
	c.firstPause = cmp.Or(c.firstPause, firstPause)
	if c.Held == nil {
		c.Held = func(string) bool { return false }
	}
	if c.OnRound == nil {
		c.OnRound = func(error) {}
	}
	if c.Logger == nil {
		silent := logrus.New()
		silent.SetOutput(io.Discard)
		c.Logger = logrus.NewEntry(silent)
	}
	return c
}

// rank is a topic's place in the order in which topics are served.
func (c Config) rank(topic string) int {
	if i := slices.Index(c.Topics, topic); i >= 0 {
		return i
	}
	return len(c.Topics)
}

func (c Config) validate() error {
	if c.Tenure == nil {
		return fmt.Errorf("%w: subscriber: Config.Tenure is missing", domain.ErrInvalid)
	}
	if c.Slots < 1 {
		return fmt.Errorf("%w: subscriber: %d slots; at least 1 is needed", domain.ErrInvalid, c.Slots)
	}
	if c.IdlePoll < 0 || c.CloseWait < 0 || c.NackDelay > inflight.MaxDelay {
		return fmt.Errorf("%w: subscriber: IdlePoll %s, CloseWait %s (not negative), NackDelay %s (%s at most)",
			domain.ErrInvalid, c.IdlePoll, c.CloseWait, c.NackDelay, inflight.MaxDelay)
	}
	if c.AloneAfter < 1 {
		return fmt.Errorf("%w: subscriber: AloneAfter %d; at least 1 is needed", domain.ErrInvalid, c.AloneAfter)
	}
	for _, t := range append([]string{c.Group}, c.Topics...) {
		if err := inflight.ValidTopic(t); err != nil {
			return fmt.Errorf("subscriber: %w", err)
		}
	}
	return nil
}
