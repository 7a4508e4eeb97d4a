package inflight

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

const (
	// uncertainty is how long after a lost answer to a COMMIT its transaction may still take effect.
	uncertainty = time.Minute
	// AdoptSoon is how often its claims are looked for during that time.
	AdoptSoon = time.Second
	// adoptEvery is how often they are looked for when no answer was lost. A lease that its node does not
	// know of would be kept alive by the node's heartbeats, and block its order.
	adoptEvery = 30 * time.Second
)

// Key names an in-flight row under one registration. It stays when the row is passed on.
type Key struct {
	row   work.Row
	epoch int64
}

// KeyOf is the key of a lease.
func KeyOf(l work.Lease) Key { return Key{l.Row, l.Epoch} }

// strays are in-flight rows of a node that the node does not know of.
type strays struct {
	db        *schema.DB
	group     string
	every     time.Duration
	looked    time.Time         // when they were last looked for
	uncertain time.Time         // until then, the claim of an unanswered COMMIT may turn up
	seen      map[Key]time.Time // strays of the last look that are not confirmed, and when each was found first
}

// expect has strays looked for more often for a while.
func (s *strays) expect() { s.uncertain = time.Now().Add(uncertainty) }

// due says whether it is time to look again.
func (s *strays) due(now time.Time) bool {
	every := s.every
	if now.Before(s.uncertain) || len(s.seen) > 0 {
		every = AdoptSoon
	}
	return now.Sub(s.looked) >= every
}

// confirm gives the claims that are strays for certain. They were found before, and every slot that was
// reserved at that time has been filled or freed since. The wait is for messages that start where they are
// placed: they are in flight before their node delivers them.
func (s *strays) confirm(found []Claim, reserved time.Time) (lost []Claim) {
	now, seen := time.Now(), s.seen // after the query, so that what it found was there by now
	s.seen = map[Key]time.Time{}
	for _, c := range found {
		first, again := seen[KeyOf(c.Lease)]
		if again && reserved.After(first) {
			lost = append(lost, c)
			continue
		}
		if !again {
			first = now
		}
		s.seen[KeyOf(c.Lease)] = first
	}
	return lost
}

// Hand is what a node has in hand.
type Hand interface {
	// Known are the rows in hand, and the time since which the longest reserved slot has been reserved
	// for a message that is being appended; the present if no slot is.
	Known() (rows map[Key]struct{}, reserved time.Time)
	// Free is how many slots are free.
	Free() int
}

// readUnknown reads the rows of a registration that are not known. A row that is locked is known, or found
// later.
func (s *strays) readUnknown(ctx context.Context, tenure work.Tenure, known map[Key]struct{}) ([]Claim, error) {
	claims, err := schema.Collect(ctx, s.db, func(rows *sql.Rows, c *Claim) error {
		c.Lease = work.Lease{Row: work.Row{Group: s.group}, Registration: tenure.Registration}
		l := &c.Lease
		return rows.Scan(&l.Topic, &l.Partition, &l.Position, &l.FirstTopic, &l.FirstPosition, &l.Attempt, &l.Interruptions, &c.UUID, &c.Payload, &c.Metadata)
	}, `SELECT topic, partition, position, first_topic, first_position, attempt, interruptions, uuid, payload, metadata FROM inflight`+s.db.Dialect().SkipLocked()+`
		WHERE node = ?1 AND epoch = ?2 AND consumer_group = ?3 ORDER BY topic, partition, position`, tenure.Node, tenure.Epoch, s.group)
	if err != nil {
		return nil, fmt.Errorf("read own in-flight rows: %w", err)
	}
	return slices.DeleteFunc(claims, func(c Claim) bool {
		_, here := known[KeyOf(c.Lease)]
		return here
	}), nil
}
