package main

import (
	"context"
	"errors"
	"fmt"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/transport/messaging/inflight"
)

// orderLeverFlags are the flags of every lever on one order.
type orderLeverFlags struct {
	dataFlags
	byFlags
}

// Validate refuses a reason that says nothing.
func (f *orderLeverFlags) Validate() error {
	if err := f.byFlags.Validate(); err != nil {
		return err
	}
	return f.databaseFlag.Validate()
}

// orderLever is a lever on the order that a command names.
type orderLever struct {
	orderLeverFlags
	orderArg
	IfVersion int `name:"if-version" placeholder:"N" help:"Only if the order is still at this version, as \"orders get\" shows it."`
}

// Validate refuses what is no version.
func (c *orderLever) Validate() error {
	if c.IfVersion < 0 {
		return errors.New("--if-version is negative: give the version that you saw")
	}
	return c.orderLeverFlags.Validate()
}

func (c *orderLever) seen() operate.Seen { return operate.Seen{ID: c.ID, Version: c.IfVersion} }

// pull pulls the lever and says what comes next.
func (c *orderLever) pull(ctx context.Context, out *output, do func(operate.OrderLevers) (operate.Asked, error)) error {
	return c.service(ctx, func(s service) error {
		a, err := do(node.OrderLevers(s.db, s.store))
		if err != nil {
			return err
		}
		return c.print(out, a, func() error { return sayAsked(out, a) })
	})
}

func sayAsked(out *output, a operate.Asked) error {
	return out.sayf("order %s is %s: %s", a.OrderID, a.Status, a.Next)
}

// ordersCancelCmd cancels an order.
type ordersCancelCmd struct {
	orderChoice
	Now bool `help:"Cut the step that runs short, and do not wait for its end. The reason is then the error of that step, which customers see."`
}

func (ordersCancelCmd) Help() string {
	return `A step that runs ends first. Then what was done is rolled back, the last step first, and the order ends Cancelled. An
order of which no step has begun ends at once. A parked order is rolled back from where it stands, and its dead letter
removed. Refused if the order has ended, or rolls back already. While a step runs after a first request, --now cuts it
short.

Orders that are chosen by flags are counted, and the first twenty are shown. With --confirm and that number they are frozen
at their versions, and a node cancels them one after the other, as a job ("orderflow jobs show"). Those that have moved on
by then are skipped, and listed.

Examples:

    orderflow orders cancel 019c3a51-5e0c-7d7a-a8d0-0d1d4c3a9b1e --reason "the customer called"
    orderflow orders cancel --status Pending --placed-before 2026-01-31T00:00:00Z --reason "they are too late" --confirm 40`
}

// Validate refuses to cut short the steps of orders that are chosen by flags.
func (c *ordersCancelCmd) Validate() error {
	if c.Now && c.ID.IsZero() {
		return errors.New("--now is for an order that is named")
	}
	return c.orderChoice.Validate()
}

func (c *ordersCancelCmd) Run(ctx context.Context, out *output) error {
	if c.ID.IsZero() {
		return c.order(ctx, out, operate.JobCancelOrders)
	}
	return c.pull(ctx, out, func(l operate.OrderLevers) (operate.Asked, error) { return l.Cancel(ctx, c.seen(), c.Now, c.by()) })
}

// ordersFailCmd fails a parked order.
type ordersFailCmd struct{ orderLever }

func (ordersFailCmd) Help() string {
	return `Gives up a parked order: what was done is rolled back, the last step first, and the order ends Failed. Its dead letter is
removed. "deadletters fail" does the same by the letter.`
}

func (c *ordersFailCmd) Run(ctx context.Context, out *output) error {
	return c.pull(ctx, out, func(l operate.OrderLevers) (operate.Asked, error) { return l.Fail(ctx, c.seen(), c.by()) })
}

// ordersRetryCmd places an order anew.
type ordersRetryCmd struct{ orderChoice }

func (ordersRetryCmd) Help() string {
	return `Places a new order with the customer, tracking id and detail of one that ended Failed or Cancelled, and prints its id. It
names the first in retry_of. The tracking id goes on to name the first order: who places it again gets that one. An
order has one new try, so a repeat gives the same; if that fails too, retry it in turn. Many are retried as many are
cancelled: see "orderflow orders cancel --help".

Examples:

    orderflow orders retry 019c3a51-5e0c-7d7a-a8d0-0d1d4c3a9b1e --reason "steel has arrived"
    orderflow orders retry --status Failed --placed-after 2026-01-31T00:00:00Z --reason "steel has arrived" --confirm 40`
}

func (c *ordersRetryCmd) Run(ctx context.Context, out *output) error {
	if c.ID.IsZero() {
		return c.order(ctx, out, operate.JobRetryOrders)
	}
	return c.service(ctx, func(s service) error {
		r, err := node.OrderLevers(s.db, s.store).Retry(ctx, c.seen(), c.by())
		if err != nil {
			return err
		}
		return c.print(out, r, func() error { return sayAsked(out, r.Asked) })
	})
}

// deadlettersFailCmd fails the parked orders of dead letters.
type deadlettersFailCmd struct {
	orderLeverFlags
	Letters []letterArg `arg:"" name:"letter" help:"The letter, as the list names it: GROUP:TOPIC/PARTITION/POSITION."`
}

func (deadlettersFailCmd) Help() string {
	return `Gives up the parked orders of the letters: what was done is rolled back, and the orders end Failed. The letters are
removed. The first letter for which that fails ends the command.

Example: orderflow deadletters fail workers:processing/0/4711 --reason "the press is beyond repair"`
}

func (c *deadlettersFailCmd) Run(ctx context.Context, out *output) error {
	return c.service(ctx, func(s service) error {
		levers, all := node.OrderLevers(s.db, s.store), []operate.Asked{}
		for _, arg := range c.Letters {
			a, err := failLetter(ctx, s, levers, arg.key, c.by())
			if err != nil {
				return err
			}
			all = append(all, a)
			if !c.JSON {
				if err := sayAsked(out, a); err != nil {
					return err
				}
			}
		}
		if c.JSON {
			return out.json(all)
		}
		return nil
	})
}

// failLetter fails the parked order of a letter.
func failLetter(ctx context.Context, s service, levers operate.OrderLevers, key inflight.LetterKey, by operate.By) (a operate.Asked, err error) {
	letter, err := inflight.NewDeadLetters(s.db).Get(ctx, key)
	if err != nil {
		return a, err
	}
	id, err := work.DecodePayload([]byte(letter.Payload))
	if err != nil {
		return a, fmt.Errorf("%s is about no order: discard it (%w)", key, err)
	}
	if a, err = levers.Fail(ctx, operate.Seen{ID: id}, by); err != nil {
		return a, fmt.Errorf("%s: %w", key, err)
	}
	return a, nil
}
