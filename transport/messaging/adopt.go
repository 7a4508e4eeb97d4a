package messaging

import (
	"context"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain/work"
)

const (
	// uncertainty is how long after a lost answer to a COMMIT its transaction may still
	// take effect.
	uncertainty = time.Minute
	// adoptEvery is how often its claims are looked for during that time.
	adoptEvery = time.Second
	// adoptAnyway is how often they are looked for when no answer was lost: a lease that its
	// node does not know of would be kept alive by its heartbeats, and block its order.
	adoptAnyway = 30 * time.Second
)

// heldKey names an in-flight row under one registration and attempt.
type heldKey struct {
	topic     string
	partition int
	position  int64
	epoch     int64
	attempt   int
}

func keyOf(l *work.Lease) heldKey {
	return heldKey{l.Topic, l.Partition, l.Position, l.Epoch, l.Attempt}
}

// adoptLost finds messages that were claimed in a transaction whose answer was lost:
// rows of this registration that nobody here works on. Without it they would stay
// claimed as long as the node lives. It looks once a second for a minute after such a
// loss, and as long as there is no free slot for one that it found; and now and then when
// nothing was lost, since nothing else would ever find one.
func (s *Subscriber) adoptLost(ctx context.Context, tenure work.Tenure, in bool) error {
	now := time.Now()
	every := s.conf.adoptAnyway
	if now.Before(s.rounds.uncertain) || len(s.rounds.strays) > 0 {
		every = adoptEvery
	}
	if !in || now.Sub(s.rounds.adopted) < every {
		return nil
	}
	s.rounds.adopted = now
	claims, err := s.readOwn(ctx, tenure)
	if err != nil {
		return err
	}
	if free := s.conf.Slots - s.Busy(); len(claims) > free {
		claims = claims[:max(free, 0)]
		s.rounds.uncertain = now.Add(uncertainty)
	}
	if len(claims) > 0 {
		s.conf.Logger.Info("messages whose claim was not confirmed turned out to be claimed",
			watermill.LogFields{"group": s.conf.Group, "messages": len(claims), "answer_lost": now.Before(s.rounds.uncertain)})
	}
	s.deliver(tenure, claims)
	return nil
}

// readOwn reads the rows of a registration that are neither being handled nor about to
// be settled, nor on their way to a handler: a lease that is passed on is the row of the
// next message before this process goes on with it. So a row must be found a second time,
// after all that were about to be passed on when it was found first have been delivered.
func (s *Subscriber) readOwn(ctx context.Context, tenure work.Tenure) ([]claim, error) {
	known, passing := s.known() // before the query, so that what ends meanwhile is not taken for lost
	claims, err := s.readUnknown(ctx, tenure, known)
	if err != nil {
		return nil, err
	}
	now, seen := time.Now(), s.rounds.strays // after the query, so that what it found was there by now
	s.rounds.strays = map[heldKey]time.Time{}
	var lost []claim
	for _, c := range claims {
		first, again := seen[keyOf(c.lease)]
		if again && passing.After(first) {
			lost = append(lost, c)
			continue
		}
		if !again {
			first = now
		}
		s.rounds.strays[keyOf(c.lease)] = first
	}
	return lost, nil
}

// readUnknown reads the rows of a registration but for those known.
func (s *Subscriber) readUnknown(ctx context.Context, tenure work.Tenure, known map[heldKey]struct{}) ([]claim, error) {
	rows, err := s.db.QueryContext(ctx, `SELECT topic, partition, position, first_topic, first_position, attempt, interruptions,
			uuid, payload, metadata FROM inflight
		WHERE node = ?1 AND epoch = ?2 AND consumer_group = ?3 ORDER BY topic, partition, position`, tenure.Node, tenure.Epoch, s.conf.Group)
	if err != nil {
		return nil, fmt.Errorf("read own in-flight rows: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var claims []claim
	for rows.Next() {
		c := claim{lease: &work.Lease{Group: s.conf.Group, Node: tenure.Node, Epoch: tenure.Epoch}}
		l := c.lease
		if err := rows.Scan(&l.Topic, &l.Partition, &l.Position, &l.FirstTopic, &l.FirstPosition, &l.Attempt, &l.Interruptions,
			&c.uuid, &c.payload, &c.metadata); err != nil {
			return nil, fmt.Errorf("read own in-flight rows: %w", err)
		}
		if _, here := known[keyOf(l)]; !here {
			claims = append(claims, c)
		}
	}
	return claims, s.db.Translate(rows.Err())
}

// known are the leases this subscriber has in hand, and since when one of them has been
// about to be passed on, or a slot reserved: the earliest, or now if none is.
func (s *Subscriber) known() (known map[heldKey]struct{}, passing time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, passing = make(map[heldKey]struct{}, len(s.held)+len(s.settle)), time.Now()
	for k, h := range s.held {
		known[k] = struct{}{}
		if !h.passing.IsZero() && h.passing.Before(passing) {
			passing = h.passing
		}
	}
	for _, since := range s.reserved {
		if since.Before(passing) {
			passing = since
		}
	}
	for _, e := range s.settle {
		known[keyOf(e.lease)] = struct{}{}
	}
	return known, passing
}
