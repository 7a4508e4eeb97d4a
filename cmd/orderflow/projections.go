package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"orderflow/projections"
	"orderflow/projections/rebuild"
	"orderflow/projections/verify"
)

// projectionsCmd holds the commands about the views.
type projectionsCmd struct {
	Status  projectionsStatusCmd  `cmd:"" help:"Show how far the views are behind the events."`
	Rebuild projectionsRebuildCmd `cmd:"" help:"Make the views anew from the events, without stopping reads."`
	Verify  projectionsVerifyCmd  `cmd:"" help:"Compare every row of the views with the events."`
}

// projectionsStatusCmd shows how far the views are.
type projectionsStatusCmd struct {
	dataFlags
	maxLagFlag
}

func (projectionsStatusCmd) Help() string {
	return `Exits 1 if a position is beyond its head: events that the views show are gone from the log; and if the counts of a checkpoint
cannot be read. "orderflow check" says what is wrong, "orderflow projections rebuild" makes the views anew from the events that there are.`
}

func (c *projectionsStatusCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		all, err := projections.Statuses(ctx, s.db, s.store)
		if err != nil {
			return err
		}
		err = c.table(out, orEmpty(all), "PROJECTION PARTITION POSITION HEAD LAG UPDATED", statusRows(all))
		for _, p := range all {
			if p.Damage != "" {
				out.notef("%s", p.Damage)
			}
			if err == nil && (p.Beyond > 0 || p.Damage != "") {
				err = errFound
			}
		}
		if err != nil {
			return err
		}
		return c.check(ctx, s, out)
	})
}

func statusRows(all []projections.ProjectionStatus) (rows [][]any) {
	for _, s := range all {
		lag := any(s.Lag)
		if s.Beyond > 0 {
			lag = fmt.Sprintf("%d beyond the head", s.Beyond)
		}
		rows = append(rows, []any{s.Projection, s.Partition, s.Position, s.Head, lag, s.UpdatedAt})
	}
	return rows
}

// projectionsRebuildCmd rebuilds the views.
type projectionsRebuildCmd struct {
	dataFlags
	Quiet bool `help:"Do not show the progress on standard error."`
}

func (projectionsRebuildCmd) Help() string {
	return `Fills a second table beside the one that is read, compares the two row by row, and swaps them. Nodes may run, and customers
may read, all the while. If it is killed, nothing has changed and it can be run again. What had been wrong is printed; that
it was wrong is no failure, since it no longer is.`
}

func (c *projectionsRebuildCmd) Run(ctx context.Context, out *output) error {
	return c.service(ctx, func(s service) error {
		report, err := rebuild.Run(ctx, s.db, s.store, rebuild.Config{Progress: progress(out, c.Quiet)})
		if err != nil {
			return fmt.Errorf("rebuild: %w", err)
		}
		return c.print(out, report, func() error { return printReport(out, "rebuilt", report) })
	})
}

// projectionsVerifyCmd verifies the views.
type projectionsVerifyCmd struct {
	dataFlags
	maxLagFlag
	Quiet bool `help:"Do not show the progress on standard error."`
}

func (projectionsVerifyCmd) Help() string {
	return `Exits 1 if a row, a count or a checkpoint is not what the events say; "orderflow projections rebuild" mends it. Rows that merely lag behind are not
wrong, unless --max-lag says so. Nodes may run all the while.`
}

func (c *projectionsVerifyCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		report, err := verify.Run(ctx, s.db, s.store, verify.Config{Progress: progress(out, c.Quiet)})
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
		if err := c.print(out, report, func() error { return printReport(out, "verified", report) }); err != nil {
			return err
		}
		late := c.check(ctx, s, out)
		if late == nil && !report.Clean() {
			return errFound
		}
		return late
	})
}

// maxLagFlag bounds how far the views may be behind.
type maxLagFlag struct {
	MaxLag *uint64 `name:"max-lag" placeholder:"EVENTS" help:"Exit 1 if the views are more events behind than this, over all partitions; 0 for none at all. Without it, they may be behind."`
}

// check says how far the views are behind, if it is too far.
func (f maxLagFlag) check(ctx context.Context, s service, out *output) error {
	if f.MaxLag == nil {
		return nil
	}
	lag, err := projections.Lag(ctx, s.db, s.store)
	if err != nil || lag <= 0 || uint64(lag) <= *f.MaxLag {
		return err
	}
	out.notef("the views are %d events behind, of %d allowed: is a node with the role projector alive?", lag, *f.MaxLag)
	return errFound
}

// progressLine says how far a phase is, and of how much if that is known.
func progressLine(p verify.Progress) string {
	if p.Total < p.Done || p.Total == 0 {
		return fmt.Sprintf("%s: %d", p.Phase, p.Done)
	}
	return fmt.Sprintf("%s: %d of %d", p.Phase, p.Done, p.Total)
}

// progress prints how far a long command is.
func progress(out *output, quiet bool) func(verify.Progress) {
	say := out.nowAndThen(quiet)
	return func(p verify.Progress) { say("%s", progressLine(p)) }
}

// printReport prints what a comparison of the views with the events came to.
func printReport(out *output, what string, r verify.Report) error {
	err := out.sayf("%s %d orders from %d events in %s: %d different, %d missing, %d surplus, %d counts wrong, %d checkpoints beyond the head; %d lagging",
		what, r.Orders, r.Events, r.Took.Round(time.Millisecond), r.Different, r.Missing, r.Surplus, r.Counts, r.Beyond, r.Lagging)
	if err != nil || len(r.Samples) == 0 {
		return err
	}
	var rows [][]any
	for _, d := range r.Samples {
		id := ""
		if !d.OrderID.IsZero() {
			id = d.OrderID.String()
		}
		rows = append(rows, []any{id, d.Kind, d.Field, d.Stored, d.Expected})
	}
	return errors.Join(out.sayf(""), out.table("ORDER WRONG FIELD STORED EXPECTED", rows))
}
