package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"orderflow/handlers"
)

// ordersCmd holds the commands about orders.
type ordersCmd struct {
	Place    ordersPlaceCmd    `cmd:"" help:"Place an order."`
	Get      ordersGetCmd      `cmd:"" help:"Show an order and its steps."`
	List     ordersListCmd     `cmd:"" help:"List orders, newest first."`
	Events   ordersEventsCmd   `cmd:"" help:"Show the whole history of an order."`
	Replay   ordersReplayCmd   `cmd:"" help:"Replay an order event by event, and compare the end with what customers see."`
	Cancel   ordersCancelCmd   `cmd:"" help:"Cancel an order: what was done is rolled back."`
	Fail     ordersFailCmd     `cmd:"" help:"Give up a parked order: what was done is rolled back."`
	Retry    ordersRetryCmd    `cmd:"" help:"Place an order anew that failed or was cancelled."`
	Diagnose ordersDiagnoseCmd `cmd:"" help:"Say why an order does not move, and what can be done."`
}

func (ordersCmd) Help() string {
	return `These commands work on the database itself, by the same code as the API; no node need run to place an order, but one
must run to work on it.`
}

// ordersPlaceCmd places an order.
type ordersPlaceCmd struct {
	dataFlags
	TrackingID     *string `name:"tracking-id" placeholder:"ID" help:"Your own name for the order. The same id and detail again give the same order; another detail is refused."`
	IdempotencyKey *string `name:"idempotency-key" placeholder:"KEY" help:"Makes it safe to repeat this command, like a tracking id, but is not part of the order."`
	Detail         string  `placeholder:"JSON" help:"What is ordered, any JSON; - reads it from standard input."`
}

func (ordersPlaceCmd) Help() string {
	return `Prints the order id.

Example: orderflow orders place --tracking-id web-4711 --detail '{"sku":"A-1","quantity":2}'`
}

// Validate refuses a key that is given and empty: who gives one relies on it.
func (c *ordersPlaceCmd) Validate() error {
	for flag, key := range map[string]*string{"--tracking-id": c.TrackingID, "--idempotency-key": c.IdempotencyKey} {
		if key != nil && *key == "" {
			return fmt.Errorf("%s is empty: give a key, or leave the flag out", flag)
		}
	}
	return c.databaseFlag.Validate()
}

// given is the value of a flag, empty if it was not given.
func given(flag *string) string {
	if flag == nil {
		return ""
	}
	return *flag
}

func (c *ordersPlaceCmd) Run(ctx context.Context, out *output) error {
	detail, err := c.detail(os.Stdin)
	if err != nil {
		return err
	}
	return c.service(ctx, func(s service) error {
		placing, err := handlers.NewPlacing(handlers.PlacingConfig{Store: s.store})
		if err != nil {
			return err
		}
		placed, err := placing.Place(ctx, handlers.NewOrder{
			TrackingID: given(c.TrackingID), Detail: detail, IdempotencyKey: given(c.IdempotencyKey), Actor: actor(""),
		})
		if err != nil {
			return err
		}
		if placed.Repeated {
			out.notef("The order had been placed before.")
		}
		if c.JSON {
			return out.json(placed)
		}
		return out.sayf("%s", placed.OrderID)
	})
}

func (c *ordersPlaceCmd) detail(stdin io.Reader) (json.RawMessage, error) {
	if c.Detail != "-" {
		return json.RawMessage(c.Detail), nil
	}
	text, err := io.ReadAll(io.LimitReader(stdin, handlers.MaxDetail+1))
	if err != nil {
		return nil, fmt.Errorf("read the detail from standard input: %w", err)
	}
	return text, nil
}
