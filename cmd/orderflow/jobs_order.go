package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/transport/messaging/inflight"
)

// jobFlags are those of commands that do something to many things.
type jobFlags struct {
	Confirm *int `placeholder:"N" help:"Do it, to exactly so many: the number that the same command gives without this flag. If there is another number by now, nothing is done."`
	Rate    *int `placeholder:"N" help:"How many a second at most, 1 to 1000. Default: 100."`
}

func (f jobFlags) given() bool { return f.Confirm != nil || f.Rate != nil }

// Validate refuses rates that no job has.
func (f jobFlags) Validate() error {
	if f.Rate != nil && (*f.Rate < 1 || *f.Rate > operate.MaxJobRate) {
		return fmt.Errorf("--rate is %d: give 1 to %d", *f.Rate, operate.MaxJobRate)
	}
	return nil
}

// jobWish is what a command wants done to many things.
type jobWish struct {
	kind   string
	filter any
	by     operate.By
	json   jsonFlag
}

// order tells what a job would be about or, if it is confirmed, orders it.
func (f jobFlags) order(ctx context.Context, out *output, s service, w jobWish) error {
	filter, err := json.Marshal(w.filter)
	if err != nil {
		return err
	}
	jobs, o := node.JobsOf(s.db, s.store, s.views), operate.JobOrder{Kind: w.kind, Filter: filter, By: w.by}
	if f.Rate != nil {
		o.Rate = *f.Rate
	}
	if f.Confirm == nil {
		return plan(ctx, out, s, o, w.json)
	}
	job, err := jobs.Order(ctx, o, *f.Confirm)
	var count *operate.JobCountError
	if errors.As(err, &count) {
		out.notef("Nothing was done: %s", count)
		return errFound
	}
	if err != nil {
		return err
	}
	if all, err := inflight.NewNodes(s.db).List(ctx); err == nil && !slices.ContainsFunc(all, func(n work.Node) bool { return !n.Expired }) {
		out.notef("No node lives: the job waits for one.")
	}
	return w.json.print(out, job, func() error {
		return out.sayf("job %s has %s, at most %d a second. See: %s", job.ID, countOf(job.Total, "item"), job.Rate,
			out.offers.command("orderflow jobs show "+job.ID.String()+" --watch"))
	})
}

// refusals are why kinds of job refuse items.
var refusals = map[string]string{
	operate.JobCancelOrders: "they have ended, or roll back already",
	operate.JobRetryOrders:  "only orders that ended Failed or Cancelled are retried",
}

// planJSON is what a job would be about, as it is printed.
type planJSON struct {
	operate.JobPlan
	LagEvents int64 `json:"lag_events"` // how many events the lists lack by which items were chosen; 0 if only the latest
}

// plan tells what a job would be about.
func plan(ctx context.Context, out *output, s service, o operate.JobOrder, as jsonFlag) (err error) {
	var plan planJSON
	if plan.LagEvents, err = s.behind(ctx); err != nil { // before the lists, which may have caught up
		return err
	}
	if plan.JobPlan, err = node.JobsOf(s.db, s.store, s.views).Plan(ctx, o); err != nil {
		return err
	}
	var rows [][]any
	for _, one := range plan.Sample {
		rows = append(rows, []any{one.Subject, one.Seen, one.About})
	}
	if err := as.table(out, plan, "ITEM SEEN ABOUT", rows); err != nil {
		return err
	}
	if more := plan.Count - len(plan.Sample); more > 0 {
		out.notef("... and %d more.", more)
	}
	out.sayBehind(plan.LagEvents)
	if plan.Refused > 0 {
		out.notef("%d of them would be refused as they are now: %s.", plan.Refused, refusals[o.Kind])
	}
	if plan.Count > plan.Refused {
		these := "this one"
		if plan.Count > 1 {
			these = fmt.Sprintf("these %d", plan.Count)
		}
		out.notef("Nothing was done. To do it to %s: the same command with --confirm %d", these, plan.Count)
		return nil
	}
	if plan.Count == 0 {
		out.notef("There are none.")
	}
	return nil
}
