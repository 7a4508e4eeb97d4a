package main

import (
	"context"
	"fmt"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
)

// jobsCmd holds the commands about jobs.
type jobsCmd struct {
	List jobsListCmd `cmd:"" help:"List the jobs, the newest first."`
	Show jobsShowCmd `cmd:"" help:"Show how far a job is, and what was not done."`
	Stop jobsStopCmd `cmd:"" help:"Stop a job. Nothing more is done; what was done stays."`
}

func (jobsCmd) Help() string {
	return `A job is what an operator wants done to many things: they were selected and frozen when it was ordered, such as by
"orderflow deadletters requeue --topic processing --confirm 317", and one node at a time works them off. When that node dies,
another goes on where it was.`
}

// jobArg names a job.
type jobArg struct {
	ID jobID `arg:"" name:"job-id" help:"The job's id, as it was given when it was ordered."`
}

// jobID is the id of a job as an argument.
type jobID struct{ work.OperationID }

// UnmarshalText is encoding.TextUnmarshaler.
func (j *jobID) UnmarshalText(text []byte) (err error) {
	if j.OperationID, err = operate.ParseJobID(string(text)); err != nil {
		return fmt.Errorf("%q is no id of a job: \"orderflow jobs list\" names them", domain.Shorten(string(text)))
	}
	return nil
}

// jobsListCmd lists jobs.
type jobsListCmd struct {
	dataFlags
	Limit  int    `default:"50" help:"How many, 1 to 1000."`
	Cursor string `placeholder:"CURSOR" help:"Go on where an earlier list ended, with its next_cursor."`
}

const jobHeader = "JOB WHAT STATE ITEMS DONE SKIPPED FAILED LEFT ORDERED BY REASON"

func jobRow(j operate.JobProgress) []any {
	return []any{j.ID, j.Kind, j.State, j.Total, j.Done, j.Skipped, j.Failed, j.Left, j.CreatedAt, j.Actor, j.Reason}
}

func (c *jobsListCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		page, err := node.JobsOf(s.db, s.store, s.views).List(ctx, c.Cursor, c.Limit)
		if err != nil {
			return err
		}
		var rows [][]any
		for _, j := range page.Jobs {
			rows = append(rows, jobRow(j))
		}
		if page.NextCursor != "" {
			defer out.notef("There are more: --cursor %s", page.NextCursor)
		}
		return c.table(out, page, jobHeader, rows)
	})
}

// jobsShowCmd shows a job.
type jobsShowCmd struct {
	dataFlags
	jobArg
	State  string `placeholder:"STATE" help:"List the items of this state: waiting, done, skipped or failed. Default: those that were skipped or failed."`
	Limit  int    `default:"20" help:"How many items of a state, 1 to 1000."`
	Cursor string `placeholder:"CURSOR" help:"Go on where an earlier list of the items of one state ended."`
	Watch  bool   `help:"Tell every second how far it is, until it ends."`
}

// Validate refuses a cursor of no list.
func (c *jobsShowCmd) Validate() error {
	if c.Cursor != "" && c.State == "" {
		return fmt.Errorf("--cursor goes on with the list of one --state")
	}
	return c.databaseFlag.Validate()
}

// jobJSON is a job with some of its items, as it is printed.
type jobJSON struct {
	operate.JobProgress
	Items      []work.JobItem `json:"items"`
	NextCursor string         `json:"next_cursor,omitempty"`
}

func (jobsShowCmd) Help() string {
	return `SEEN of an item is what it was when it was selected: the attempt of a dead letter, the version of an order. It is skipped if
that has moved on. BY names what was done to it: an event (ORDER:VERSION), an operation, or a new order.`
}

func (c *jobsShowCmd) Run(ctx context.Context, out *output) error {
	err := c.lookUp(ctx, out, func(s service) error {
		jobs := node.JobsOf(s.db, s.store, s.views)
		if c.Watch {
			if err := c.watch(ctx, out, jobs); err != nil {
				return err
			}
		}
		p, err := jobs.Progress(ctx, c.ID.OperationID)
		if err != nil {
			return err
		}
		shown := jobJSON{JobProgress: p, Items: []work.JobItem{}}
		states, more := []string{c.State}, []string(nil)
		if c.State == "" {
			states = []string{work.ItemSkipped, work.ItemFailed}
		}
		for _, state := range states {
			page, err := jobs.Items(ctx, c.ID.OperationID, state, c.Cursor, c.Limit)
			if err != nil {
				return err
			}
			shown.Items = append(shown.Items, page.Items...)
			if page.NextCursor != "" {
				shown.NextCursor = page.NextCursor
				more = append(more, fmt.Sprintf("There are more: --state %s --cursor %s", state, page.NextCursor))
			}
		}
		err = c.print(out, shown, func() error { return printJob(out, shown) })
		if c.State != "" && len(shown.Items) == 0 && !c.JSON {
			out.notef("There are no items of the state %s.", c.State)
		}
		for _, note := range more {
			out.notef("%s", note)
		}
		return err
	})
	if c.Watch && ctx.Err() != nil {
		err = nil // who interrupts it has seen enough
	}
	return err
}

func printJob(out *output, j jobJSON) error {
	if err := out.table(jobHeader, [][]any{jobRow(j.JobProgress)}); err != nil {
		return err
	}
	if err := out.sayf("%s", pace(j.JobProgress)); err != nil || len(j.Items) == 0 {
		return err
	}
	var rows [][]any
	for _, it := range j.Items {
		rows = append(rows, []any{it.Seq, it.Subject, it.Seen, it.State, it.EndedAt, it.Ref, it.Note})
	}
	return out.table("ITEM SUBJECT SEEN STATE ENDED BY NOTE", rows)
}

// pace says in a sentence how far a job is, and how fast it goes.
func pace(p operate.JobProgress) string {
	text := fmt.Sprintf("%s: %d of %s ended, %d left", p.State, p.Total-p.Left, countOf(p.Total, "item"), p.Left)
	switch {
	case p.State == work.JobStopped:
		text += fmt.Sprintf("; %s stopped it: %s", p.EndedBy, p.EndReason)
	case p.State == work.JobRunning && p.PerSecond > 0:
		text += fmt.Sprintf("; %.1f a second, the end is about %s", p.PerSecond, p.EndsAt.Format(time.RFC3339))
	case p.State == work.JobRunning:
		text += "; none of late"
	}
	return text
}

// watch tells how far a job is until it does not run.
func (c *jobsShowCmd) watch(ctx context.Context, out *output, jobs operate.Jobs) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		p, err := jobs.Progress(ctx, c.ID.OperationID)
		if err != nil || p.State != work.JobRunning {
			return err
		}
		out.notef("%s", pace(p))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// jobsStopCmd stops a job.
type jobsStopCmd struct {
	dataFlags
	jobArg
	byFlags
}

// Validate refuses a reason that says nothing.
func (c *jobsStopCmd) Validate() error {
	if err := c.byFlags.Validate(); err != nil {
		return err
	}
	return c.databaseFlag.Validate()
}

func (c *jobsStopCmd) Run(ctx context.Context, out *output) error {
	return c.service(ctx, func(s service) error {
		stopped, err := node.JobsOf(s.db, s.store, s.views).Stop(ctx, c.ID.OperationID, c.by())
		if err != nil {
			return err
		}
		if !stopped.Changed {
			out.notef("It did not run any more.")
		}
		return c.print(out, stopped, func() error {
			return out.sayf("%s", pace(stopped.Job))
		})
	})
}
