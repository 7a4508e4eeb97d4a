package tail

import (
	"errors"
	"fmt"
	"sync"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
)

// stops are the places in front of which a projector has stopped, by partition, because of
// an event that is newer than this program, or of counts that cannot be read.
type stops struct {
	mu sync.Mutex
	at map[int]stop
}

// stop is such a place.
type stop struct {
	after int64 // the last position that has been applied
	err   error
}

// note takes down how it went with a partition that has been applied up to a position, and says
// whether it is news that it has stopped there.
func (s *stops) note(partition int, after int64, err error) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, known := s.at[partition]
	var damage *rows.CountsError
	if !errors.Is(err, domain.ErrNewer) && !errors.As(err, &damage) {
		if err == nil {
			delete(s.at, partition)
		}
		return false
	}
	if s.at == nil {
		s.at = map[int]stop{}
	}
	s.at[partition] = stop{after: after, err: err}
	return !known || was.after != after
}

// err says where and why a projector has stopped; nil if it has not.
func (s *stops) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []error
	for partition, at := range s.at {
		all = append(all, fmt.Errorf("the views of partition %d stop after position %d: %w", partition, at.after, at.err))
	}
	return errors.Join(all...)
}
