package main

import (
	"context"
	"errors"

	"orderflow/domain"
	"orderflow/handlers/operate"
)

// orderChoice names an order, or says which are meant.
type orderChoice struct {
	orderLeverFlags
	ID        domain.OrderID `arg:"" optional:"" name:"order-id" help:"The order's id. Or choose many by the flags below: then nothing is done without --confirm."`
	IfVersion int            `name:"if-version" placeholder:"N" help:"Only if the order is still at this version, as \"orders get\" shows it."`
	All       bool           `help:"All orders."`
	orderFilterFlags
	jobFlags
}

// Validate refuses what names no order, or names it twice over.
func (c *orderChoice) Validate() error {
	many := c.All || c.orderFilterFlags.given()
	switch {
	case c.ID.IsZero() && !many:
		return errors.New("no order is named: name one, or choose them by flags such as --status, or --all")
	case c.ID.IsZero() && c.IfVersion != 0:
		return errors.New("--if-version is for an order that is named")
	case !c.ID.IsZero() && many:
		return errors.New("name an order, or choose them by flags, and not both")
	case !c.ID.IsZero() && c.jobFlags.given():
		return errors.New("--confirm and --rate are for orders that are chosen by flags")
	case c.All && c.orderFilterFlags.given():
		return errors.New("--all and a choice by other flags exclude each other")
	}
	return errors.Join(c.one().Validate(), c.jobFlags.Validate())
}

// one is the lever on the order that is named.
func (c *orderChoice) one() *orderLever {
	return &orderLever{orderLeverFlags: c.orderLeverFlags, orderArg: orderArg{c.ID}, IfVersion: c.IfVersion}
}

func (c *orderChoice) seen() operate.Seen { return c.one().seen() }

// pull pulls the lever on the order that is named.
func (c *orderChoice) pull(ctx context.Context, out *output, do func(operate.OrderLevers) (operate.Asked, error)) error {
	return c.one().pull(ctx, out, do)
}

// order has a job do something to the orders that were chosen.
func (c *orderChoice) order(ctx context.Context, out *output, kind string) error {
	filter, err := c.filter()
	if err != nil {
		return err
	}
	return c.service(ctx, func(s service) error {
		return c.jobFlags.order(ctx, out, s, jobWish{kind: kind, filter: filter, by: c.by(), json: c.jsonFlag})
	})
}
