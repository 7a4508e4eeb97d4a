package main

import (
	"context"

	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// offsetsCmd holds the commands about offsets.
type offsetsCmd struct {
	List  offsetsListCmd  `cmd:"" help:"List how far each group has taken each topic; exit 1 if one is beyond the head of its partition."`
	Reset offsetsResetCmd `cmd:"" help:"Set heads to the last event of the log, take offsets beyond them back, and remove messages of events that the log does not have."`
}

// offsetsListCmd lists offsets.
type offsetsListCmd struct {
	dataFlags
}

func (c *offsetsListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		all, err := inflight.Offsets(ctx, db)
		if err != nil {
			return err
		}
		found := false
		var rows [][]any
		for _, o := range all {
			found = found || o.Position > o.Head
			rows = append(rows, []any{o.Group, o.Topic, o.Partition, o.Position, o.Head})
		}
		err = c.table(out, orEmpty(all), "GROUP TOPIC PARTITION POSITION HEAD", rows)
		if err == nil && found {
			err = errFound
		}
		return err
	})
}

// offsetsResetCmd resets offsets.
type offsetsResetCmd struct {
	dataFlags
}

func (offsetsResetCmd) Help() string {
	return `For a database whose log has lost its end, by a hand or by a restore of a part: "orderflow check" says so, and nodes do not
start to work. Stop the nodes first. Without the reset, workers pass over what is appended next, and its messages meet those of the
lost events. The head of each partition is set to its last event: positions after it that were lost are given out anew. Messages of
lost events, waiting, in flight or dead letters, are removed, since their orders are not in the log. The messages that are still kept (see "serve --retention") are handed out again where an offset had passed over them; those
that were dealt with are found out of date. What is as it should be is left alone. Afterwards run "orderflow check" again.`
}

func (c *offsetsResetCmd) Run(ctx context.Context, out *output) error {
	return c.with(ctx, func(db *schema.DB) error {
		done, err := inflight.ResetOffsets(ctx, db)
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(done)
		}
		return out.sayf("%d heads were set to the last event, %d offsets were taken back to the head, and %d messages will be handed out; of events that the log does not have, %d messages in flight, %d messages and %d dead letters were removed",
			done.Heads, done.Offsets, done.HandedOut, done.Inflight, done.Outbox, done.DeadLetters)
	})
}
