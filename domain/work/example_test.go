package work_test

import (
	"fmt"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Prepare makes of a decision the unit of work for the event store: events, and the
// messages that tell others of them.
func ExamplePrepare() {
	id, err := domain.ParseOrderID("01890a5d-ac96-774b-bcce-b302099a8057")
	if err != nil {
		fmt.Println(err)
		return
	}
	unit, err := work.Prepare(&domain.Order{ID: id}, domain.Metadata{Actor: "customer"}, domain.Place{TrackingID: "PO-42"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%+v\n", unit.Events)
	for _, m := range unit.Messages {
		fmt.Println(m.Topic, m.UUID, string(m.Payload))
	}
	// Output:
	// [{TrackingID:PO-42 Detail:[] Customer: KeyHash: RetryOf:00000000-0000-0000-0000-000000000000}]
	// scheduling 01890a5d-ac96-774b-bcce-b302099a8057:1 {"order_id":"01890a5d-ac96-774b-bcce-b302099a8057"}
}
