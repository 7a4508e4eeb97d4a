package check

import (
	"strings"
	"testing"

	"orderflow/domain"
)

// judged says what the rules find in a history.
func judged(events ...domain.Event) string {
	h := newRules()
	var found []string
	for _, e := range events {
		if what := h.next(domain.Recorded{Type: domain.TypeOf(e), Event: e}); what != "" {
			found = append(found, domain.TypeOf(e)+": "+what)
		}
	}
	if what := h.end(); what != "" {
		found = append(found, what)
	}
	return strings.Join(found, "; ")
}

// TestRules_requests: histories with a request of an operator, each as it must be, and each with one thing wrong.
func TestRules_requests(t *testing.T) {
	s := domain.Steps()
	const n = "n"
	place, failed := domain.OrderPlaced{}, domain.OrderFailed{Step: s[0], Reason: "r"}
	start := func(i int) domain.Event { return domain.StepStarted{Step: s[i], Attempt: 1, Node: n} }
	done := func(i int) domain.Event { return domain.StepCompleted{Step: s[i], Attempt: 1, Node: n} }
	cut := func(i int) domain.Event {
		return domain.StepInterrupted{Step: s[i], Attempt: 1, Node: n, Reason: "cut"}
	}
	back := func(i int) domain.Event { return domain.StepRolledBack{Step: s[i], Attempt: 1, Node: n} }
	asked, now, cancelled := domain.OrderCancelRequested{Reason: "r"}, domain.OrderCancelRequested{Reason: "r", Now: true}, domain.OrderCancelled{Reason: "r"}
	parked, fail := domain.OrderParked{Step: s[0], Reason: "p"}, domain.OrderFailRequested{Reason: "r"}
	for name, c := range map[string]struct {
		events []domain.Event
		found  string // empty: nothing
	}{
		"pending":               {[]domain.Event{place, asked, cancelled}, ""},
		"running":               {[]domain.Event{place, start(0), done(0), start(1), asked, now, done(1), back(1), back(0), cancelled}, ""},
		"cut":                   {[]domain.Event{place, start(0), done(0), start(1), now, cut(1), back(1), back(0), cancelled}, ""},
		"failed by itself":      {[]domain.Event{place, start(0), asked, domain.StepFailed{Step: s[0], Attempt: 1, Node: n}, back(0), cancelled}, ""},
		"between steps":         {[]domain.Event{place, start(0), done(0), asked, back(0), cancelled}, ""},
		"parked":                {[]domain.Event{place, start(0), cut(0), parked, asked, back(0), cancelled}, ""},
		"parked and failed":     {[]domain.Event{place, start(0), cut(0), parked, fail, back(0), failed}, ""},
		"failed before it ran":  {[]domain.Event{place, parked, fail, failed}, ""},
		"not asked":             {[]domain.Event{place, start(0), done(0), cancelled}, "the order ended"},
		"pending and not asked": {[]domain.Event{place, cancelled}, "the order ended"},
		"not all rolled back":   {[]domain.Event{place, start(0), done(0), start(1), done(1), asked, back(1), cancelled}, "the order ended with PreProcessing rolled back"},
		"nothing rolled back":   {[]domain.Event{place, start(0), cut(0), asked, cancelled}, "the order ended with nothing rolled back"},
		"the interrupted too":   {[]domain.Event{place, start(0), done(0), start(1), now, cut(1), back(0), cancelled}, "the steps to roll back were PreProcessing, Scheduling"},
		"completed all the same": {[]domain.Event{place, start(0), done(0), start(1), done(1), start(2), done(2), start(3), asked, done(3), domain.OrderCompleted{}},
			"the order completed after Scheduling, PreProcessing, Processing, PostProcessing, after OrderCancelRequested"},
		"failed all the same":  {[]domain.Event{place, start(0), done(0), asked, back(0), failed}, "the order ended"},
		"cancelled instead":    {[]domain.Event{place, start(0), cut(0), parked, fail, back(0), cancelled}, "the order ended"},
		"went on":              {[]domain.Event{place, start(0), done(0), asked, start(1)}, "StepStarted: OrderCancelRequested had been recorded"},
		"tried again":          {[]domain.Event{place, start(0), now, cut(0), domain.StepStarted{Step: s[0], Attempt: 2, Node: n}}, "StepStarted: OrderCancelRequested"},
		"rolled back too soon": {[]domain.Event{place, start(0), done(0), start(1), asked, back(1)}, "StepRolledBack: attempt PreProcessing#1 was open"},
		"asked twice":          {[]domain.Event{place, start(0), asked, asked}, "OrderCancelRequested: OrderCancelRequested had been recorded"},
		"now twice":            {[]domain.Event{place, start(0), now, now}, "OrderCancelRequested: OrderCancelRequested had been recorded"},
		"asked while it turns": {[]domain.Event{place, start(0), domain.StepFailed{Step: s[0], Attempt: 1, Node: n}, asked}, "OrderCancelRequested: the order was being rolled back"},
		"not parked":           {[]domain.Event{place, start(0), done(0), fail}, "OrderFailRequested: the order was not parked"},
		"after the end":        {[]domain.Event{place, asked, cancelled, asked}, "OrderCancelRequested: the order had ended with OrderCancelled"},
		"parked and goes on":   {[]domain.Event{place, parked, start(0)}, "StepStarted: the order was parked"},
	} {
		if got := judged(c.events...); got == "" != (c.found == "") || !strings.Contains(got, c.found) {
			t.Errorf("%s: found %q, want %q", name, got, c.found)
		}
	}
}
