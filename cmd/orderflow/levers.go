package main

import (
	"context"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/schema"
)

// leverFlags are the flags of every lever on the cluster.
type leverFlags struct {
	dataFlags
	byFlags
}

// Validate refuses a reason that says nothing.
func (f *leverFlags) Validate() error {
	if err := f.byFlags.Validate(); err != nil {
		return err
	}
	return f.databaseFlag.Validate()
}

// pull pulls a lever and says what that did.
func (f *leverFlags) pull(ctx context.Context, out *output, of string, do func(operate.Levers) (operate.Done, error)) error {
	return f.with(ctx, func(db *schema.DB) error {
		done, err := do(node.LeversOf(db))
		if err != nil {
			return err
		}
		return f.say(out, of, done)
	})
}

// say prints what a lever did.
func (f *leverFlags) say(out *output, of string, done operate.Done) error {
	return f.print(out, done, func() error {
		if !done.Changed {
			return out.sayf("%s: %s (nothing has changed)", of, done.Now)
		}
		return out.sayf("%s: %s", of, done.Now)
	})
}

// operationsCmd holds the commands about the log of operations.
type operationsCmd struct {
	List operationsListCmd `cmd:"" help:"List what operators did, the newest first."`
}

// operationsListCmd lists operations.
type operationsListCmd struct {
	dataFlags
	Limit  int    `default:"50" help:"How many at most (1 to 200). The cursor of the next page is printed if there are more."`
	Cursor string `help:"Where a page before ended."`
}

func (operationsListCmd) Help() string {
	return `Who did what to the cluster, when and why: steps paused and resumed, nodes drained, cordoned, stopped. The log is
append-only. What operators did to one order is in its history (orders events).`
}

func (c *operationsListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		page, err := node.LeversOf(db).Log(ctx, c.Limit, c.Cursor)
		if err != nil {
			return err
		}
		rows := [][]any(nil)
		for _, op := range page.Operations {
			rows = append(rows, operationRow(op))
		}
		if page.NextCursor != "" && !c.JSON {
			defer out.notef("There are more: --cursor %s", page.NextCursor)
		}
		return c.table(out, page, "AT ACTOR ACTION SUBJECT RESULT REASON", rows)
	})
}

func operationRow(op work.Operation) []any {
	return []any{op.At, op.Actor, op.Action, op.Subject, op.Result, op.Reason}
}
