package tail

import (
	"errors"
	"fmt"
	"sync"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
)

// stops says, by partition, in front of which event a projector has stopped: the event is newer than
// this program, or the counts of the checkpoint cannot be read.
type stops struct {
	mu sync.Mutex
	at map[int]stop
}

type stop struct {
	after int64 // the last position that has been applied
	err   error
}

// note records how far a partition has been applied, and the error that ended it or nil. The answer
// is whether the projector has stopped there and had not before.
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
