package messaging

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// source is a place where messages wait: a partition of a topic, or, with returned
// set, the in-flight rows of a topic that are nobody's.
type source struct {
	topic     string
	partition int
	returned  bool
	// last is the last position that was visible. All before it are visible too, since the
	// messages of a partition become visible in order.
	last int64
}

// lookEvery is how long a round may go on where the one before it left messages, without
// looking whether something has come that goes first.
const lookEvery = 10 * time.Millisecond

// places are where messages wait, in the order in which to claim from them: those that the
// last claim left, or what a look finds.
func (s *Subscriber) places(ctx context.Context, q queries, node string) ([]source, error) {
	s.rounds.turn++
	if len(s.rounds.left) > 0 && time.Since(s.rounds.looked) < lookEvery {
		inTurn(s.rounds.left, q.topics, offsetOf(node)+s.rounds.turn)
		return s.rounds.left, nil
	}
	s.rounds.left, s.rounds.looked = nil, time.Now()
	sources, err := s.look(ctx, q, node)
	if err == nil && len(sources) == 0 {
		s.waits(nil)
	}
	return sources, err
}

// leftOf are the places of which claims did not take the last message that was visible.
func leftOf(sources []source, claims []claim) []source {
	return slices.DeleteFunc(sources, func(x source) bool {
		return slices.ContainsFunc(claims, func(c claim) bool {
			return !x.returned && c.lease.Topic == x.topic && c.lease.Partition == x.partition && c.lease.Position == x.last
		})
	})
}

// look asks, without a transaction, where messages wait, and gives the places in the
// order in which to claim from them. What it finds is checked again when it is claimed.
func (s *Subscriber) look(ctx context.Context, q queries, node string) ([]source, error) {
	rows, err := s.db.QueryContext(ctx, q.look, s.conf.Group)
	if err != nil {
		return nil, fmt.Errorf("look for messages: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var sources []source
	for rows.Next() {
		var x source
		if err := rows.Scan(&x.topic, &x.partition, &x.returned, &x.last); err != nil {
			return nil, fmt.Errorf("look for messages: %w", err)
		}
		sources = append(sources, x)
	}
	if err := s.db.Translate(rows.Err()); err != nil {
		return nil, fmt.Errorf("look for messages: %w", err)
	}
	inTurn(sources, q.topics, offsetOf(node)+s.rounds.turn)
	return sources, nil
}

// inTurn sorts places: returned messages first, since they have waited longest and their
// orders are under way; then topics in their order. Among the partitions of a topic each
// turn begins one further on, so that none has to wait for the others to be empty, and
// nodes begin at different ones, so as not to wait for each other.
func inTurn(sources []source, topics []string, turn int) {
	slices.SortFunc(sources, func(a, b source) int {
		if a.returned != b.returned {
			if a.returned {
				return -1
			}
			return 1
		}
		return cmp.Or(slices.Index(topics, a.topic)-slices.Index(topics, b.topic), a.partition-b.partition)
	})
	for len(sources) > 0 {
		n := 1
		for n < len(sources) && sources[n].topic == sources[0].topic && sources[n].returned == sources[0].returned {
			n++
		}
		rotate(sources[:n], turn%n)
		sources = sources[n:]
	}
}

// rotate moves the first k to the end.
func rotate(sources []source, k int) {
	slices.Reverse(sources[:k])
	slices.Reverse(sources[k:])
	slices.Reverse(sources)
}

// offsetOf sets nodes apart.
func offsetOf(node string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(node)) // never fails
	return int(h.Sum32() >> 1)
}
