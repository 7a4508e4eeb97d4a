package projections_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/projections"
	"orderflow/projections/tail"
	"orderflow/schema"
)

// Views follow the log: an order is in lists once a projector has applied its events, and can be read
// back by its id at once.
func ExampleViews() {
	if err := placeAndLook(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// listed before the projector's round: 0
	// read back: web-4711 Pending
	// listed after it: 1, counted as Pending: 1
}

func placeAndLook(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "views")
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
	id := domain.OrderID{15: 1}
	if _, err := store.Append(ctx, work.Unit{OrderID: id, Events: []domain.Event{domain.OrderPlaced{TrackingID: "web-4711"}}}); err != nil {
		return err
	}

	views := projections.NewViews(db, store)
	page, err := views.List(ctx, projections.Filter{})
	if err != nil {
		return err
	}
	fmt.Println("listed before the projector's round:", len(page.Orders))
	view, err := views.Get(ctx, id) // from the events, since the view lags
	if err != nil {
		return err
	}
	fmt.Println("read back:", view.TrackingID, view.Status)

	if _, err := tail.NewProjector(db, store, tail.Config{}).Round(ctx); err != nil {
		return err
	}
	if page, err = views.List(ctx, projections.Filter{Status: []domain.Status{domain.StatusPending}}); err != nil {
		return err
	}
	counts, err := views.Counts(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("listed after it: %d, counted as Pending: %d\n", len(page.Orders), counts[domain.StatusPending])
	return nil
}
