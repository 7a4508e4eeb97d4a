package node

import (
	"context"
	"testing"

	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema/schematest"
)

// TestLostEnds: an event that a node had seen and that is gone is an alarm, raised once, also by several nodes, and as soon
// as it can be written.
func TestLostEnds(t *testing.T) {
	db := schematest.SQLite(t)
	gone, end := context.WithCancel(t.Context())
	end()
	var told []string
	tell := func(a work.Alarm) { told = append(told, a.Subject) }
	for range 2 {
		l := &lostEnds{db: db, node: "a", tell: tell}
		l.found(eventstore.OtherHistory{Partition: 3, Position: 7})
		l.raise(gone)
		if len(l.note) != 1 {
			t.Error("what could not be raised is forgotten")
		}
		l.raise(t.Context())
		l.raise(t.Context())
	}
	page, err := AlarmsOf(db).List(t.Context(), false, 10, "")
	if err != nil || len(told) != 1 || len(page.Alarms) != 1 || page.Alarms[0].Alarm != "log_lost" || page.Alarms[0].Subject != "partition 3" {
		t.Errorf("told %q, raised %+v, err %v", told, page.Alarms, err)
	}
}
