package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// ordersEventsCmd shows the history of an order.
type ordersEventsCmd struct {
	databaseFlag
	jsonFlag
	orderArg
}

// eventJSON is an event as GET /v1/orders/{id}/events gives it.
type eventJSON struct {
	Position   int64           `json:"position"`
	Partition  int             `json:"partition"`
	Version    int             `json:"version"`
	Type       string          `json:"type"`
	Data       json.RawMessage `json:"data"`     // as stored
	Metadata   json.RawMessage `json:"metadata"` // as stored
	RecordedAt string          `json:"recorded_at"`
	Hash       string          `json:"hash"` // hexadecimal
}

// Run shows the events.
func (c *ordersEventsCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		events, err := s.store.Load(ctx, c.ID)
		if err != nil {
			return err
		}
		if c.JSON {
			return printEvents(out, events)
		}
		var rows [][]any
		for _, e := range events {
			actor := e.Metadata.Actor
			if e.Metadata.RunBy != "" {
				actor += ", run by " + e.Metadata.RunBy
			}
			rows = append(rows, []any{e.Version, e.RecordedAt, e.Type, actor, e.Metadata.Node, string(e.Data)})
		}
		return out.table("VERSION RECORDED TYPE ACTOR NODE DATA", rows)
	})
}

// printEvents writes an array with one event a line. It does not indent, since data and
// metadata must stay the bytes that were hashed.
func printEvents(out *output, events []domain.Recorded) error {
	open := "["
	for _, e := range events {
		line, err := stored.Marshal(eventJSON{
			Position: e.Position, Partition: e.Partition, Version: e.Version, Type: e.Type, Data: e.Data, Metadata: e.RawMeta,
			RecordedAt: e.RecordedAt.UTC().Format(stored.TimeLayout), Hash: hex.EncodeToString(e.Hash),
		})
		if err != nil {
			return fmt.Errorf("event %d: %w", e.Version, err)
		}
		if _, err := fmt.Fprintf(out.w, "%s%s", open, line); err != nil {
			return err
		}
		open = ",\n"
	}
	return out.sayf("]")
}
