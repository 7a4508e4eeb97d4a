package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"orderflow/eventstore"
	"orderflow/eventstore/check"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// checkCmd proves the invariants.
type checkCmd struct {
	dataFlags
	Deep  bool `help:"Also have SQLite check its own file, page by page and index by index. For SQL Server it names what does that."`
	Quiet bool `help:"Do not show the progress on standard error."`
}

func (checkCmd) Help() string {
	return `Reads every event and proves that the triggers that protect events are in place, positions and versions have no holes,
every hash fits, every history is one that the rules allow, no two attempts of an order were open at once, every failed order was
rolled back whole and in reverse, every accepted order has ended or is on its way, reserved keys and orders agree, nothing names a
place beyond the end of the log, and the views and their counts say what the events say. Names each violation and exits 1 if there
is one. Nodes may run all the while: what it finds it reads again before it says so.`
}

// Run checks the event store.
func (c *checkCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		store, err := eventstore.Open(ctx, db, eventstore.Config{})
		if err != nil {
			return errors.Join(err, sayDeviations(ctx, db, out))
		}
		if c.Deep && db.Dialect().Name() == "sqlserver" {
			out.notef("on SQL Server the server checks its own pages: have an administrator run DBCC CHECKDB")
		}
		say := out.nowAndThen(c.Quiet)
		report, err := check.Run(ctx, db, store, check.Config{
			Views:    func(ctx context.Context) ([]check.Violation, error) { return viewViolations(ctx, db, store) },
			Progress: func(r check.Report) { say("%s of %s", countOf(r.Events, "event"), countOf(r.Orders, "order")) }, Deep: c.Deep,
		})
		return c.tell(out, report, err)
	})
}

// tell prints what was found, also if err says that the check could not come to its end.
func (c *checkCmd) tell(out *output, report check.Report, err error) error {
	var said error
	switch {
	case err != nil && report.Clean():
	case c.JSON:
		said = out.json(report)
	default:
		said = printCheck(out, report, err)
	}
	switch {
	case err != nil:
		return errors.Join(fmt.Errorf("check: %w", err), said)
	case said == nil && !report.Clean():
		return errFound
	}
	return said
}

// sayDeviations names what is missing of a schema that cannot be worked with.
func sayDeviations(ctx context.Context, db *schema.DB, out *output) error {
	found, err := db.Deviations(ctx)
	for _, d := range found {
		out.notef("%s", d)
	}
	return err
}

// viewViolations compares the views with the events. It names the first differences, and
// says how many there are if that is not all.
func viewViolations(ctx context.Context, db *schema.DB, store *eventstore.Store) ([]check.Violation, error) {
	report, err := verify.Run(ctx, db, store, verify.Config{})
	if err != nil {
		return nil, err
	}
	var found []check.Violation
	named := map[string]bool{}
	for _, d := range report.Samples {
		if d.Kind == verify.KindBeyond {
			continue // check finds it itself
		}
		v := check.Violation{Partition: -1, What: fmt.Sprintf("%s %s: the view says %q, the events say %q", d.Kind, d.Field, d.Stored, d.Expected)}
		if !d.OrderID.IsZero() {
			v.OrderID, v.Partition = d.OrderID.String(), store.Partition(d.OrderID)
			named[v.OrderID] = true
		}
		found = append(found, v)
	}
	if wrong := report.Different + report.Missing + report.Surplus; wrong > int64(len(named)) {
		found = append(found, check.Violation{Partition: -1, What: fmt.Sprintf("%d orders in all have a wrong view; only the first are named", wrong)})
	}
	return found, nil
}

// byKind writes how many there are of each kind.
func byKind(found map[string]int64) string {
	kinds := slices.Sorted(maps.Keys(found))
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%d %s", found[kind], kind)
	}
	return strings.Join(kinds, ", ")
}

func printCheck(out *output, r check.Report, broken error) error {
	var errs error
	say := func(format string, args ...any) { errs = errors.Join(errs, out.sayf(format, args...)) }
	for _, v := range r.Violations {
		say("%s", out.offers.text(v.String()))
	}
	verdict := "nothing is wrong"
	if !r.Clean() {
		verdict = "violations: " + byKind(r.Found)
	}
	if broken != nil {
		verdict += "; the check could not come to its end"
	}
	if r.KeysUnproven > 0 {
		say("%d of %d reserved keys are idempotency keys of which no event says what they were: their orders were compared, the keys could not be", r.KeysUnproven, r.Keys)
	}
	say("checked %s of %s, %d of them on their way, in %s: %s", countOf(r.Events, "event"), countOf(r.Orders, "order"), r.OnTheirWay, r.Took.Round(time.Millisecond), verdict)
	return errs
}
