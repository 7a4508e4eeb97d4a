package diagnosis

import (
	"fmt"
	"slices"
	"time"

	"orderflow/domain/work"
)

// Queue is whether the message that is due, the last of work.Causes, waits in the outbox.
type Queue struct {
	Group string // the consumer group of the workers
	// Waits says that the message is there and the group has not come to it. If the group has passed it, it has
	// been claimed.
	Waits   bool
	Claimed int64 // the position up to which the group has claimed the message's topic and partition
}

// Line is what waits of one topic and partition, the first to be claimed first.
type Line struct {
	Topic     string `json:"topic"`
	Partition int    `json:"partition"`
	Messages  int    `json:"messages"`
	More      bool   `json:"more,omitempty"` // wait than were looked at
	// Marks are the positions of some of the messages: the first, each MarkEvery-th after it, and the last.
	Marks []int64 `json:"marks"`
}

// MarkEvery is how many messages are between two marks of a line.
const MarkEvery = 50

// Add adds the next message to a line.
func (l *Line) Add(position int64) {
	if n := len(l.Marks); l.Messages%MarkEvery != 1 && n > 1 {
		l.Marks = l.Marks[:n-1] // was the last, and is no mark otherwise
	}
	l.Marks = append(l.Marks, position)
	l.Messages++
}

// Hides says that a message may wait behind what was looked at.
func (l *Line) Hides(due work.Cause) bool {
	return l.More && l.Topic == due.Topic && l.Partition == due.Partition && due.Position > l.Marks[len(l.Marks)-1]
}

// before is about how many messages of the line are before a position, or at it.
func (l *Line) before(position int64) int {
	i, found := slices.BinarySearch(l.Marks, position)
	switch {
	case i == 0 && !found:
		return 0
	case i == len(l.Marks):
		return l.Messages
	case found:
		return min(i*MarkEvery+1, l.Messages)
	}
	from, to := l.Marks[i-1], l.Marks[i]
	first, next := (i-1)*MarkEvery+1, min(i*MarkEvery+1, l.Messages) // how many are up to the two
	return first + int(float64(next-first)*float64(position-from)/float64(to-from))
}

// Place is how many messages are claimed before one that waits, about.
type Place struct {
	Before int       `json:"about_before"`
	More   bool      `json:"more,omitempty"` // at least as many
	AsOf   time.Time `json:"as_of"`
}

func (p *Place) String() string {
	if p.More {
		return fmt.Sprintf("more than %d wait before it", p.Before)
	}
	return fmt.Sprintf("about %d wait before it", p.Before)
}

// queued is the place of the message that is due: behind those of topics that are served before, and of its own topic
// behind those that wait longer, of its partition and about as many of each other one. What has been claimed of its own
// partition since the lines were seen does not count. It is nil if it is not known, as of a
// message that is younger than what was seen.
func (s *situation) queued() *Place {
	t := s.traffic()
	if t == nil || s.place != queued || t.AsOf.Before(s.asked()) {
		return nil
	}
	own := slices.IndexFunc(t.Lines, func(l Line) bool { return l.Topic == s.due.Topic && l.Partition == s.due.Partition })
	if own < 0 { // it came later than the lines were seen
		return nil
	}
	l := &t.Lines[own]
	rank := max(0, l.before(s.due.Position)-1-l.before(s.Queue.Claimed))
	p := &Place{AsOf: t.AsOf, Before: rank, More: l.Hides(*s.due)}
	for i := range t.Lines {
		if i != own {
			p.behind(&t.Lines[i], rank, s)
		}
	}
	return p
}

// behind adds what is claimed before the message that is due, at its rank in its own line, of another line.
func (p *Place) behind(l *Line, rank int, s *situation) {
	served := slices.Index(work.Topics(), l.Topic) - slices.Index(work.Topics(), s.due.Topic)
	switch {
	case s.Paused.PauseOf(l.Topic) != nil: // none of it is claimed
	case served < 0:
		p.Before, p.More = p.Before+l.Messages, p.More || l.More
	case served == 0:
		p.Before, p.More = p.Before+min(rank, l.Messages), p.More || l.More && rank > l.Messages
	}
}
