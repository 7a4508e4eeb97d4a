package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/projections"
)

// orderJob is a job about orders.
type orderJob struct {
	views  *projections.Views
	levers leverOrders
	do     orderDeed
	// refuses says whether that is refused of orders of a status.
	refuses func(domain.Status) bool
	event   domain.Event // that it records
}

// orderDeed is what is done to an order.
type orderDeed func(context.Context, operate.OrderLevers, operate.Seen, operate.By) error

// to is a job that does something else, which some orders refuse, and records such events.
func (k orderJob) to(do orderDeed, refuses func(domain.Status) bool, event domain.Event) orderJob {
	k.do, k.refuses, k.event = do, refuses, event
	return k
}

// Allowed is operate.JobKind's: every live node reads the events.
func (k orderJob) Allowed() error {
	_, err := domain.Encode(k.levers.Level(), k.event)
	return err
}

func notToCancel(s domain.Status) bool { return s.Ended() || s == domain.StatusRollingBack }

func notToRetry(s domain.Status) bool {
	return s != domain.StatusFailed && s != domain.StatusCancelled
}

func cancelOrder(ctx context.Context, l operate.OrderLevers, seen operate.Seen, by operate.By) error {
	_, err := l.Cancel(ctx, seen, false, by)
	return err
}

func retryOrder(ctx context.Context, l operate.OrderLevers, seen operate.Seen, by operate.By) error {
	r, err := l.Retry(ctx, seen, by)
	if err == nil && r.Repeated {
		err = &operate.ChangedError{How: fmt.Sprintf("others retried it: order %s is the new try", r.OrderID)}
	}
	return err
}

// Check is operate.JobKind's.
func (orderJob) Check(text json.RawMessage) (json.RawMessage, error) {
	f, err := operate.ReadFilter[operate.OrderFilter](text)
	if err == nil {
		err = f.Check()
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(f)
}

// Select is operate.JobKind's.
func (k orderJob) Select(ctx context.Context, filter json.RawMessage, cursor string) (all []operate.Selected, next string, err error) {
	f, err := operate.ReadFilter[operate.OrderFilter](filter)
	if err != nil {
		return nil, "", err
	}
	list := ListFilter(f)
	list.Limit, list.Cursor = projections.MaxLimit, cursor
	page, err := k.views.List(ctx, list)
	for _, v := range page.Orders {
		about := fmt.Sprintf("%s, placed %s", v.Status, v.PlacedAt.UTC().Format(time.RFC3339))
		if v.TrackingID != "" {
			about += ", tracking id " + v.TrackingID
		}
		all = append(all, operate.Selected{Subject: v.OrderID.String(), Seen: v.Version, About: about, Refused: k.refuses(v.Status)})
	}
	return all, page.NextCursor, err
}

// ListFilter is the filter of the list of orders.
func ListFilter(f operate.OrderFilter) projections.Filter {
	return projections.Filter{
		Status: f.Status, Step: f.Step, Node: f.Node, PlacedAfter: f.PlacedAfter, PlacedBefore: f.PlacedBefore, TrackingID: f.TrackingID, Customer: f.Customer,
	}
}

// Do is operate.JobKind's.
func (k orderJob) Do(ctx context.Context, j work.Job, it work.JobItem) error {
	id, err := domain.ParseOrderID(it.Subject)
	if err != nil {
		return err
	}
	orders := k.levers
	orders.job = &ending{j, it}
	err = k.do(ctx, operate.OrderLevers{Orders: orders}, operate.Seen{ID: id, Version: it.Seen}, operate.ByOf(j))
	var version *operate.VersionError
	if errors.As(err, &version) {
		return &operate.ChangedError{How: fmt.Sprintf("it was seen at version %d, and is at version %d now", it.Seen, version.Version)}
	}
	return err
}
