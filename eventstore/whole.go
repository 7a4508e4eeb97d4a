package eventstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"orderflow/internal/crashpoint"
	"orderflow/schema"
)

// errSteps: do the group in a transaction of several steps, since it has something to read first.
var errSteps = errors.New("something has to be read")

// sendWhole is run where statements cost round trips and everything is believed: the transaction is sent whole, from
// BEGIN to COMMIT. The server commits it only if the head is where it is believed to be and all leases are held. The
// error is errSteps if something has to be read first; then nothing was sent.
func (s *Store) sendWhole(ctx context.Context, fresh func() *commit) error {
	var c *commit
	var settled, passed []bool
	err := s.db.InBatch(ctx, func() (questions []schema.Question, err error) {
		c = fresh()
		questions, settled, passed, err = c.whole()
		return questions, err
	})
	switch {
	case errors.Is(err, schema.ErrTooLong):
		return errSteps
	case errors.Is(err, schema.ErrUnmet):
		return cmp.Or(c.answered(settled, passed), errRemembered)
	case err != nil:
		return fmt.Errorf("insert events and messages: %w", err)
	}
	return nil
}

// whole gives all questions of the transaction. They set settled and passed, see settle and writing.
func (c *commit) whole() (questions []schema.Question, settled, passed []bool, err error) {
	if slices.ContainsFunc(c.group, func(p *pending) bool { return p.also != nil || p.doubt != nil }) {
		return nil, nil, nil, errSteps
	}
	crashpoint.Here("append.begin")
	if questions, settled, err = c.settle(); err != nil {
		return nil, nil, nil, fmt.Errorf("settle leases: %w", err)
	}
	if c.prepare(); !c.head.believed {
		return nil, nil, nil, errSteps
	}
	if err := c.assignAll(); err != nil {
		return nil, nil, nil, err
	}
	questions, passed, err = c.writing(append(questions, c.head.move(len(c.events))...))
	crashpoint.Here("append.commit")
	return questions, settled, passed, err
}
