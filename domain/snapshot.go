package domain

import "fmt"

// Restore makes an order of its exported fields and its status, which is what a view stores.
// The order decides and applies as the original does. Fields and a status that contradict each
// other are an error of kind ErrCorrupt.
func Restore(o Order, status Status) (Order, error) {
	o.outcome = ""
	if status.Ended() {
		o.outcome = status
	}
	o.Parked = status == StatusParked
	if o.Version < 1 || o.Status() != status {
		return Order{}, fmt.Errorf("%w: order %s is stored with status %q and version %d, its steps say %q",
			ErrCorrupt, o.ID, status, o.Version, o.Status())
	}
	return o, nil
}
