package diagnosis

import (
	"cmp"
	"slices"
	"time"

	"orderflow/domain"
)

// MostSurveyed is how many open orders a survey looks at, the oldest.
const MostSurveyed = 10_000

// Survey is why the open orders are as they are. Its JSON is that of the admin interface and of the command line.
type Survey struct {
	AsOf   time.Time `json:"as_of"`          // by the database's clock
	Age    float64   `json:"age_seconds"`    // when it was told
	Node   string    `json:"node,omitempty"` // that made it; empty if a command did
	Looked int       `json:"looked_at"`      // orders
	// More says that there are more, which are younger, or which a survey has no room for.
	More    bool    `json:"more"`
	Reasons []Count `json:"reasons"` // the most frequent first
	Gaps    []Gap   `json:"could_not_be_read"`
	// Traffic is what was seen of the cluster as a whole, for the diagnosis of one order.
	Traffic *Traffic `json:"traffic,omitempty"`
}

// ListedAfter is how long an order has progressed, at what it is doing, before a survey lists it.
const ListedAfter = 15 * time.Second

// Progresses says whether orders that have a reason progress, so that they are listed after a while only.
func (r Reason) Progresses() bool {
	return slices.ContainsFunc(rules, func(x rule) bool { return x.reason == r && x.verdict == Progressing })
}

// Count is how many open orders have a reason.
type Count struct {
	Reason   Reason           `json:"reason"`
	Verdict  Verdict          `json:"verdict"` // of the example
	Orders   int              `json:"orders"`
	Since    time.Time        `json:"oldest_since,omitzero"`
	Examples []domain.OrderID `json:"examples"` // those of which it has been true longest
}

// mostExamples is how many examples a reason has.
const mostExamples = 3

// Finding is what a survey found of one order.
type Finding struct {
	OrderID domain.OrderID `json:"order_id"`
	Reason  Reason         `json:"reason"`
	Verdict Verdict        `json:"verdict"`
	Since   time.Time      `json:"since,omitzero"`
}

// Finding is the answer in short.
func (a *Answer) Finding() Finding {
	return Finding{OrderID: a.OrderID, Reason: a.Reason, Verdict: a.Verdict, Since: a.Since}
}

// Tally counts findings by reason, the most frequent first. Those of orders that have ended do not count.
func Tally(findings []Finding) (counts []Count) {
	of := map[Reason][]Finding{}
	for _, f := range findings {
		if f.Verdict != Ended {
			of[f.Reason] = append(of[f.Reason], f)
		}
	}
	counts = []Count{}
	for reason, some := range of {
		slices.SortFunc(some, longest)
		c := Count{Reason: reason, Verdict: some[0].Verdict, Orders: len(some), Since: some[0].Since, Examples: []domain.OrderID{}}
		for _, f := range some[:min(mostExamples, len(some))] {
			c.Examples = append(c.Examples, f.OrderID)
		}
		counts = append(counts, c)
	}
	slices.SortFunc(counts, func(a, b Count) int {
		return cmp.Or(b.Orders-a.Orders, slices.Index(Reasons(), a.Reason)-slices.Index(Reasons(), b.Reason))
	})
	return counts
}

// longest sorts by since when, and what has no such time last.
func longest(a, b Finding) int {
	if a.Since.IsZero() != b.Since.IsZero() {
		return b.Since.Compare(a.Since)
	}
	return cmp.Or(a.Since.Compare(b.Since), slices.Compare(a.OrderID[:], b.OrderID[:]))
}
