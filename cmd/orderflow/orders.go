package main

import "orderflow/domain"

// ordersCmd holds the commands about orders.
type ordersCmd struct {
	Place  ordersPlaceCmd  `cmd:"" help:"Place an order."`
	Get    ordersGetCmd    `cmd:"" help:"Show an order and its steps."`
	List   ordersListCmd   `cmd:"" help:"List orders, newest first."`
	Events ordersEventsCmd `cmd:"" help:"Show the whole history of an order."`
	Replay ordersReplayCmd `cmd:"" help:"Replay an order event by event, and compare the end with what customers see."`
}

// Help is the long help.
func (ordersCmd) Help() string {
	return `These commands work on the database itself, by the same code as the API; no node need run to place an order, but one
must run to work on it.`
}

// orderArg names one order.
type orderArg struct {
	ID domain.OrderID `arg:"" name:"order-id" help:"The order's id, as it was given when it was placed."`
}
