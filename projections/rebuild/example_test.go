package rebuild_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/projections/rebuild"
	"orderflow/projections/tail"
	"orderflow/schema"
)

// A rebuild makes the views anew from the events, and says what had been wrong with them.
func ExampleRun() {
	if err := harmAndRebuild(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// rebuilt 1 order from 1 event: 1 different
	// status was "Completed", the events say "Pending"
}

func harmAndRebuild(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "rebuild")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	db, err := schema.Open(ctx, filepath.Join(folder, "orders.db"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Migrate(ctx); err != nil {
		return err
	}
	store, err := eventstore.Open(ctx, db, eventstore.Config{})
	if err != nil {
		return err
	}
	placed := work.Unit{OrderID: domain.OrderID{15: 1}, Events: []domain.Event{domain.OrderPlaced{TrackingID: "web-4711"}}}
	if _, err := store.Append(ctx, placed); err != nil {
		return err
	}
	if _, err := tail.NewProjector(db, store, tail.Config{}).Round(ctx); err != nil {
		return err
	}
	err = db.InTx(ctx, func(tx *schema.Tx) error { // somebody writes to the views behind the system's back
		_, err := tx.ExecContext(ctx, `UPDATE orders SET status = 'Completed'`)
		return err
	})
	if err != nil {
		return err
	}

	report, err := rebuild.Run(ctx, db, store, rebuild.Config{})
	if err != nil {
		return err
	}
	fmt.Printf("rebuilt %d order from %d event: %d different\n", report.Orders, report.Events, report.Different)
	wrong := report.Samples[0]
	fmt.Printf("%s was %q, the events say %q\n", wrong.Field, wrong.Stored, wrong.Expected)
	return nil
}
