package eventstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ThreeDotsLabs/watermill"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/schema"
	"orderflow/transport/messaging"
)

// A unit of work is decided on an order at a version. Its events and messages are stored together, or not at
// all if another unit came first.
func ExampleStore_Append() {
	ctx := context.Background()
	db, remove := exampleDatabase(ctx)
	defer remove()
	store, err := eventstore.Open(ctx, db, eventstore.Config{Outbox: messaging.NewOutbox(nil, watermill.NopLogger{})})
	ok(err)

	order := domain.Order{ID: domain.OrderID{0x01, 0x9c, 6: 0x70, 8: 0x80}}
	unit, err := work.Prepare(&order, domain.Metadata{Actor: "customer"}, domain.Place{TrackingID: "web-4711"})
	ok(err)
	stored, err := store.Append(ctx, unit)
	ok(err)
	for _, e := range stored.Events {
		fmt.Printf("%s is event %d of its order and %d of the log\n", e.Type, e.Version, e.Position)
	}
	_, err = store.Append(ctx, unit) // decided on a version that the order is past
	fmt.Println("once more:", errors.Is(err, domain.ErrConflict))

	events, err := store.Load(ctx, order.ID)
	ok(err)
	order, err = domain.Fold(events)
	fmt.Println(order.TrackingID, order.Status(), err)
	// Output:
	// OrderPlaced is event 1 of its order and 1 of the log
	// once more: true
	// web-4711 Pending <nil>
}

// exampleDatabase gives a database in a file of its own, and what removes it.
func exampleDatabase(ctx context.Context) (*schema.DB, func()) {
	folder, err := os.MkdirTemp("", "orderflow-example-")
	ok(err)
	db, err := schema.Open(ctx, filepath.Join(folder, "orders.db"))
	ok(err)
	_, err = db.Migrate(ctx)
	ok(err)
	return db, func() { _ = errors.Join(db.Close(), os.RemoveAll(folder)) }
}

// ok ends an example that does not run.
func ok(err error) {
	if err != nil {
		panic(err)
	}
}
