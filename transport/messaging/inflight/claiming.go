package inflight

import (
	"context"

	"orderflow/schema"
)

// claiming is one transaction that stores acknowledgements and claims messages.
type claiming struct {
	tx         *schema.Tx
	conf       *ClaimerConfig
	statements statements
	round      Round
	suspect    bool // the node has a suspect in hand, or claims one here

	claims []Claim
	late   []Ack
	losses losses // the registrations whose messages were looked at
}

// most is how many more messages may be claimed from one source.
func (t *claiming) most() int {
	free := t.round.Free - len(t.claims)
	if t.conf.Ordered {
		return min(free, 1)
	}
	return free
}

// settle stores the acknowledgements.
func (t *claiming) settle(ctx context.Context) error {
	questions := make([]schema.Question, len(t.round.Acks))
	for i, a := range t.round.Acks {
		tell := func(rows int64) {
			if rows == 0 {
				t.late = append(t.late, a)
			}
		}
		if a.Done {
			questions[i] = remove(a.Lease, tell)
		} else {
			questions[i] = giveBack(t.tx.Dialect(), a.Lease, a.Delay, 0, tell)
		}
	}
	return t.tx.Ask(ctx, questions...)
}
