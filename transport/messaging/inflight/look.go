package inflight

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"orderflow/schema"
)

// lookEvery is how long a claimer may go on where it left messages, without looking for messages that have
// precedence.
const lookEvery = 10 * time.Millisecond

// lookout finds where messages wait.
type lookout struct {
	db     *schema.DB
	group  string
	heed   *heed
	turn   int      // moves where the next look begins among the partitions
	left   []Source // where the last claim left messages, for a while after looked
	looked time.Time
}

// sources are the sources in which the last claim left messages, or else those that a look finds.
func (o *lookout) sources(ctx context.Context, q statements, node string) ([]Source, error) {
	o.turn++
	o.left = o.heed.open(o.left)
	if len(o.left) > 0 && time.Since(o.looked) < lookEvery {
		inTurn(o.left, q.topics, offsetOf(node)+o.turn)
		return o.left, nil
	}
	o.left, o.looked = nil, time.Now()
	return o.look(ctx, q, node)
}

// leave notes the sources in which a claim left messages. If it filled the free slots, more may wait in
// each source, except where it claimed the last message that was visible.
func (o *lookout) leave(sources []Source, claims []Claim, free int) {
	o.left = nil
	if free == 0 || len(claims) < free {
		return
	}
	o.left = slices.DeleteFunc(slices.Clone(sources), func(x Source) bool {
		return slices.ContainsFunc(claims, func(c Claim) bool {
			return !x.Returned && c.Lease.Topic == x.Topic && c.Lease.Partition == x.partition && c.Lease.Position == x.last
		})
	})
}

// look asks, without a transaction, where messages wait.
func (o *lookout) look(ctx context.Context, q statements, node string) ([]Source, error) {
	sources, err := schema.Collect(ctx, o.db, func(rows *sql.Rows, x *Source) error {
		return rows.Scan(&x.Topic, &x.partition, &x.Returned, &x.last)
	}, q.look, o.group)
	if err != nil {
		return nil, fmt.Errorf("look for messages: %w", err)
	}
	sources = o.heed.open(sources)
	inTurn(sources, q.topics, offsetOf(node)+o.turn)
	return sources, nil
}

// inTurn sorts sources: returned messages first, since they have waited longest and their
// orders are under way; then topics in their order. Among the partitions of a topic each
// turn begins one further on, so that none has to wait for the others to be empty, and
// nodes begin at different ones, so as not to wait for each other.
func inTurn(sources []Source, topics []string, turn int) {
	slices.SortFunc(sources, func(a, b Source) int {
		if a.Returned != b.Returned {
			if a.Returned {
				return -1
			}
			return 1
		}
		return cmp.Or(slices.Index(topics, a.Topic)-slices.Index(topics, b.Topic), a.partition-b.partition)
	})
	for len(sources) > 0 {
		n := 1
		for n < len(sources) && sources[n].Topic == sources[0].Topic && sources[n].Returned == sources[0].Returned {
			n++
		}
		rotate(sources[:n], turn%n)
		sources = sources[n:]
	}
}

// rotate moves the first k to the end.
func rotate(sources []Source, k int) {
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
