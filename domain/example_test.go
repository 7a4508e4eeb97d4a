package domain_test

import (
	"errors"
	"fmt"

	"orderflow/domain"
)

// A command is decided on the order as it is; the rules forbid what does not fit.
func ExampleOrder_Decide() {
	placed := domain.Recorded{Version: 1, Event: domain.OrderPlaced{TrackingID: "PO-42"}}
	order, err := domain.Fold([]domain.Recorded{placed})
	if err != nil {
		fmt.Println(err)
		return
	}
	events, err := order.Decide(domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "node-a"})
	fmt.Printf("%+v %v\n", events, err)

	_, err = order.Decide(domain.StartStep{Step: domain.Processing, Attempt: 1, Node: "node-a"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, domain.ErrRule))
	// Output:
	// [{Step:Scheduling Attempt:1 Node:node-a}] <nil>
	// cannot start Processing of order 00000000-0000-0000-0000-000000000000: it is not this step's turn
	// true
}

// The events of a stream make the order. This one failed at its second step and is on
// its way back.
func ExampleFold() {
	order, err := domain.Fold([]domain.Recorded{
		{Version: 1, Event: domain.OrderPlaced{TrackingID: "PO-42"}},
		{Version: 2, Event: domain.StepStarted{Step: domain.Scheduling, Attempt: 1, Node: "node-a"}},
		{Version: 3, Event: domain.StepCompleted{Step: domain.Scheduling, Attempt: 1, Node: "node-a"}},
		{Version: 4, Event: domain.StepStarted{Step: domain.PreProcessing, Attempt: 1, Node: "node-b"}},
		{Version: 5, Event: domain.StepFailed{Step: domain.PreProcessing, Attempt: 1, Node: "node-b", Error: "out of steel"}},
		{Version: 6, Event: domain.StepRolledBack{Step: domain.PreProcessing, Attempt: 1, Node: "node-a"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	next, _ := order.NextRollback()
	fmt.Println(order.Status(), "next:", next)
	for _, step := range domain.Steps() {
		fmt.Println(step, order.Step(step).Status)
	}
	// Output:
	// RollingBack next: Scheduling
	// Scheduling Completed
	// PreProcessing RolledBack
	// Processing Pending
	// PostProcessing Pending
}
