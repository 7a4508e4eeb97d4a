package handlers_test

import (
	"context"
	"errors"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers"
)

// press prints a job once, however often it is told to.
type press struct{ printed map[string]bool }

func (p *press) Execute(ctx context.Context, w handlers.Work) error {
	switch {
	case p.printed[w.Key]: // an earlier attempt got as far as this, and its outcome was lost
		fmt.Println("already printed for", w.Step)
		return nil
	case w.TrackingID == "":
		return errors.New("no name for the label") // the step has failed: the order is rolled back
	case ctx.Err() != nil: // another node may have the order now
		return context.Cause(ctx)
	}
	p.printed[w.Key] = true
	fmt.Printf("printed %s for %s, attempt %d\n", w.TrackingID, w.Step, w.Attempt)
	return nil
}

func (p *press) Compensate(_ context.Context, w handlers.Work) error {
	fmt.Println("pulped what there is of", w.TrackingID)
	return nil
}

// An executor makes a repeat harmless by the key of the work, and asks its context before an effect.
func ExampleExecutor() {
	var executor handlers.Executor = &press{printed: map[string]bool{}}
	job := handlers.Work{TrackingID: "2026-000117", Step: domain.Processing, Attempt: 1, Key: "01890a5d-ac96-774b-bcce-b302099a8057/Processing/execute"}
	fmt.Println(executor.Execute(context.Background(), job))
	job.Attempt++
	fmt.Println(executor.Execute(context.Background(), job))
	fmt.Println(executor.Execute(context.Background(), handlers.Work{Step: domain.Processing}))
	// Output:
	// printed 2026-000117 for Processing, attempt 1
	// <nil>
	// already printed for Processing
	// <nil>
	// no name for the label
}

// ledger is an event store in memory that keeps what placing needs: one order for each key.
type ledger map[string]work.Unit

func (l ledger) Append(_ context.Context, u work.Unit) (work.Outcome, error) {
	for _, r := range u.Reservations {
		if held, taken := l[r.Key]; taken {
			return work.Outcome{}, &domain.DuplicateError{OrderID: held.OrderID, Key: r.Key, Same: held.Reservations[0].Fingerprint == r.Fingerprint}
		}
		l[r.Key] = u
	}
	return work.Outcome{}, nil
}

// An order with a tracking id is placed once. What is wrong with a field is named.
func ExamplePlacing_Place() {
	placing, err := handlers.NewPlacing(handlers.PlacingConfig{Store: ledger{}})
	if err != nil {
		fmt.Println(err)
		return
	}
	order := handlers.NewOrder{TrackingID: "2026-000117", Detail: []byte(`{"item": "kettle"}`)}
	for range 2 {
		placed, err := placing.Place(context.Background(), order)
		fmt.Println(placed.Status, "repeated:", placed.Repeated, err)
	}
	order.Detail = []byte(`{"item": "pan"}`)
	_, err = placing.Place(context.Background(), order)
	fmt.Println("other content:", errors.Is(err, domain.ErrDuplicate))

	order.TrackingID = " 2026-000117"
	_, err = placing.Place(context.Background(), order)
	var field *domain.FieldError
	if errors.As(err, &field) {
		fmt.Println(field.Field, "must be", field.Expected)
	}
	// Output:
	// Pending repeated: false <nil>
	// Pending repeated: true <nil>
	// other content: true
	// tracking_id must be text without white space at its ends
}
