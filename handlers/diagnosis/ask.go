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
func Ask(ctx context.Context, from Source, id domain.OrderID) (a Answer, err error) {
	one := func(ctx context.Context, _ []domain.OrderID) ([]Facts, error) {
		f, err := from.Facts(ctx, id)
		return []Facts{f}, err
	}
	return a, AskAll(ctx, one, []domain.OrderID{id}, func(answer Answer) { a = answer })
}

// AskAll diagnoses orders as Ask does one. look reads the facts of each.
func AskAll(ctx context.Context, look func(context.Context, []domain.OrderID) ([]Facts, error), ids []domain.OrderID, tell func(Answer)) error {
	missed := map[domain.OrderID]int{} // the version at which the look before found the message nowhere
	for n := 1; len(ids) > 0; n++ {
		all, err := look(ctx, ids)
		if err != nil {
			return err
		}
		ids = nil
		for _, f := range all {
			a := Diagnose(f)
			gone := a.Reason == MessageMissing || slices.Contains(a.Others, MessageMissing)
			switch settled := !f.moved() && (!gone || missed[f.OrderID] == f.version()); {
			case settled:
				tell(a)
				continue
			case n == mostLooks:
				f.Gaps = append(f.Gaps, Gap{PartMoment, fmt.Sprintf("the order moved on during each of %d looks", n)})
				tell(Diagnose(f))
				continue
			}
			if missed[f.OrderID] = 0; gone && !f.moved() {
				missed[f.OrderID] = f.version()
			}
			ids = append(ids, f.OrderID)
		}
	}
	return nil
}
