package main

import (
	"context"
	"fmt"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/handlers/operate"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

// deadlettersCmd holds the commands about dead letters.
type deadlettersCmd struct {
	List    deadlettersListCmd    `cmd:"" help:"List the dead letters, the latest first."`
	Requeue deadlettersRequeueCmd `cmd:"" help:"Give dead letters back to the workers, and resume their orders."`
	Fail    deadlettersFailCmd    `cmd:"" help:"Give up the parked orders of dead letters: what was done is rolled back."`
	Discard deadlettersDiscardCmd `cmd:"" help:"Remove dead letters that are about no parked order."`
}

func (deadlettersCmd) Help() string {
	return `A message whose step was interrupted too often (--max-interruptions) is parked here with its order, for an operator to
find out why. Its order is shown as Parked and is not worked on; no other order waits for it.`
}

// letterFilterFlags say which dead letters are meant.
type letterFilterFlags struct {
	Topic          []string  `placeholder:"TOPIC" help:"Only letters of this topic: scheduling, pre-processing, processing, post-processing or rollback. Several: --topic A,B or the flag again."`
	Node           []string  `placeholder:"NAME" help:"Only letters of orders whose latest attempt was this node's, or one of these nodes', as the list of orders has it."`
	Customer       string    `placeholder:"NAME" help:"Only letters of this customer's orders."`
	ReasonContains string    `placeholder:"TEXT" help:"Only letters with this text in their reason, exactly as it is written."`
	ParkedAfter    time.Time `placeholder:"TIME" help:"Only letters parked after this time, such as 2026-01-31T12:00:00Z."`
	ParkedBefore   time.Time `placeholder:"TIME" help:"Only letters parked before this time."`
}

func (f letterFilterFlags) filter() operate.LetterFilter {
	return operate.LetterFilter{
		Topics: f.Topic, Nodes: f.Node, Customer: f.Customer, Reason: f.ReasonContains, ParkedAfter: f.ParkedAfter, ParkedBefore: f.ParkedBefore,
	}
}

// given says whether any of the flags is.
func (f letterFilterFlags) given() bool {
	return len(f.Topic)+len(f.Node) > 0 || f.Customer+f.ReasonContains != "" || !f.ParkedAfter.IsZero() || !f.ParkedBefore.IsZero()
}

// deadlettersListCmd lists dead letters.
type deadlettersListCmd struct {
	dataFlags
	letterFilterFlags
	Limit  int    `default:"100" help:"How many at most. It is said if there are more."`
	Cursor string `placeholder:"CURSOR" help:"Go on where an earlier list ended, with the cursor that it gave."`
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

func (c *deadlettersListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		letters, last, err := c.read(ctx, node.Letters{DB: db})
		if err != nil {
			return err
		}
		if last.NextCursor != "" {
			total := fmt.Sprint(last.Total)
			if last.Total > last.TotalLimit {
				total = fmt.Sprintf("more than %d", last.TotalLimit)
			}
			defer out.notef("There are more than these %d, the latest of %s: --cursor %s", len(letters), total, last.NextCursor)
		}
		var rows [][]any
		for _, l := range letters {
			rows = append(rows, []any{l.Letter, l.OrderID, l.Attempt, l.Interruptions, l.ParkedAt, l.Reason})
		}
		return c.table(out, letters, "LETTER ORDER ATTEMPTS INTERRUPTIONS PARKED REASON", rows)
	})
}

// read reads as many pages as the list has, and gives the last one too.
func (c *deadlettersListCmd) read(ctx context.Context, from node.Letters) (all []operate.Letter, last operate.LetterPage, err error) {
	all, last.NextCursor = []operate.Letter{}, c.Cursor
	for left := c.Limit; left > 0; left = c.Limit - len(all) {
		last, err = from.List(ctx, c.filter(), last.NextCursor, min(left, inflight.MaxLetters))
		all = append(all, last.Letters...)
		if err != nil || last.NextCursor == "" {
			break
		}
	}
	return all, last, err
}
