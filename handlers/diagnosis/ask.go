package diagnosis

import (
	"context"
	"fmt"
	"slices"

	"orderflow/domain"
)

// Source reads the facts about an order. A part that cannot be read is a gap of the facts. It is an error if the
// database does not answer.
type Source interface {
	Facts(ctx context.Context, id domain.OrderID) (Facts, error)
}

// mostLooks is how often Ask looks at an order that moves on each time.
const mostLooks = 5

// Ask diagnoses an order. Where the facts are not of one moment it looks again: if the order moved on meanwhile, and if
// its message was nowhere, which may be since it moved from one place to another.
func Ask(ctx context.Context, from Source, id domain.OrderID) (Answer, error) {
	missed := 0 // the version at which the look before found the message nowhere
	for n := 1; ; n++ {
		f, err := from.Facts(ctx, id)
		if err != nil {
			return Answer{}, err
		}
		a := Diagnose(f)
		gone := a.Reason == MessageMissing || slices.Contains(a.Others, MessageMissing)
		switch settled := !f.moved() && (!gone || missed == f.version()); {
		case settled:
			return a, nil
		case n == mostLooks:
			f.Gaps = append(f.Gaps, Gap{PartMoment, fmt.Sprintf("the order moved on during each of %d looks", n)})
			return Diagnose(f), nil
		}
		if missed = 0; gone && !f.moved() {
			missed = f.version()
		}
	}
}
