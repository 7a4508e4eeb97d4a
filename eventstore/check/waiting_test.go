package check

import (
	"context"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestRun_claimed: a message that is being claimed while it is looked for, and so is seen
// neither in the outbox nor in flight, is looked for once more.
func TestRun_claimed(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		db := open(t)
		store, err := eventstore.Open(t.Context(), db, eventstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		recorded, err := store.Append(t.Context(), work.Unit{OrderID: domain.OrderID{1}, Events: []domain.Event{domain.OrderPlaced{}}})
		if err != nil {
			t.Fatal(err)
		}
		misses := 0
		claim := func() {
			if misses++; misses == 1 {
				inflight(t, db, recorded.Events[0])
			}
		}
		r, err := Run(t.Context(), db, store, Config{missed: claim})
		if err != nil || !r.Clean() || r.OnTheirWay != 1 || misses != 1 {
			t.Errorf("%+v after %d misses, err %v; want one order on its way and one miss", r, misses, err)
		}
	})
}

func inflight(t *testing.T, db *schema.DB, cause domain.Recorded) {
	t.Helper()
	ctx := context.Background()
	err := db.InTx(ctx, func(tx *schema.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO inflight (consumer_group, first_topic, partition, first_position, topic, position, uuid, payload, metadata, node, epoch, attempt, interruptions, claimed_at, available_at)
			VALUES ('g', ?1, ?2, ?3, ?1, ?3, 'u', ?4, '{}', 'n', 1, 1, 0, ?5, ?5)`,
			work.StepTopic(domain.Scheduling), cause.Partition, cause.Position, []byte("{}"), schema.TimeArg(cause.RecordedAt))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
