package main

import (
	"context"
	"fmt"

	"orderflow/domain/work"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// deadlettersCmd holds the commands about dead letters.
type deadlettersCmd struct {
	List    deadlettersListCmd    `cmd:"" help:"List the dead letters, the latest first."`
	Requeue deadlettersRequeueCmd `cmd:"" help:"Give dead letters back to the workers, and resume their orders."`
	Discard deadlettersDiscardCmd `cmd:"" help:"Remove dead letters that are about no parked order."`
}

// Help is the long help.
func (deadlettersCmd) Help() string {
	return `A message whose step was interrupted too often (--max-interruptions) is parked here with its order, for an operator to
find out why. Its order is shown as Parked and is not worked on; no other order waits for it.`
}

// letterArgs name dead letters of a database.
type letterArgs struct {
	databaseFlag
	jsonFlag
	Letters []letterArg `arg:"" name:"letter" help:"The letter, as the list names it: GROUP:TOPIC/PARTITION/POSITION."`
}

// letterArg is the key of a dead letter as an argument.
type letterArg struct{ key inflight.LetterKey }

// UnmarshalText is encoding.TextUnmarshaler.
func (a *letterArg) UnmarshalText(text []byte) (err error) {
	a.key, err = inflight.ParseLetterKey(string(text))
	return err
}

// deadlettersListCmd lists dead letters.
type deadlettersListCmd struct {
	databaseFlag
	jsonFlag
	Limit int `default:"100" help:"How many at most. It is said if there are more."`
}

// Validate refuses a length that no list has.
func (c *deadlettersListCmd) Validate() error {
	if c.Limit < 1 || c.Limit > maxLetters {
		return fmt.Errorf("--limit is %d: give 1 to %d", c.Limit, maxLetters)
	}
	return c.databaseFlag.Validate()
}

// maxLetters bounds what one list holds in memory.
const maxLetters = 100_000

// letterJSON is a dead letter as it is printed.
type letterJSON struct {
	Letter string `json:"letter"`
	inflight.DeadLetter
	OrderID string `json:"order_id,omitempty"` // empty if the message names none
}

// Run lists the dead letters.
func (c *deadlettersListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		all, err := inflight.NewDeadLetters(db).List(ctx, c.Limit+1) // one more says whether there are more
		if err != nil {
			return err
		}
		if len(all) > c.Limit {
			all = all[:c.Limit]
			defer out.notef("There are more than these %d, the latest: give a higher --limit.", c.Limit)
		}
		letters, rows := []letterJSON{}, [][]any(nil)
		for _, l := range all {
			j := letterJSON{Letter: l.String(), DeadLetter: l}
			if id, err := work.DecodePayload([]byte(l.Payload)); err == nil {
				j.OrderID = id.String()
			}
			letters = append(letters, j)
			rows = append(rows, []any{j.Letter, j.OrderID, l.Attempt, l.Interruptions, l.ParkedAt, l.Reason})
		}
		if c.JSON {
			return out.json(letters)
		}
		return out.table("LETTER ORDER ATTEMPTS INTERRUPTIONS PARKED REASON", rows)
	})
}
