package node

import (
	"context"
	"errors"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/projections"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

const (
	// jobsEvery is the time between looks for jobs. While jobs run, there is no pause.
	jobsEvery = 5 * time.Second
	// sweepEvery is the time between the sweeps of jobs that nobody needs any more.
	sweepEvery = time.Hour
	// sweepAtOnce is how many transactions a sweep has at one turn, so that the jobs that run go on meanwhile.
	sweepAtOnce = 5
	// jobsKept is how long a job is kept after it was ordered.
	jobsKept = 90 * 24 * time.Hour
	// unconfirmedKept is how long one is kept that was not confirmed, since the process ended that selected its items.
	unconfirmedKept = time.Hour
)

// JobsOf are the jobs of a database: they are ordered, stopped and looked at without a node, and worked off by one.
func JobsOf(db *schema.DB, store *eventstore.Store, views *projections.Views) operate.Jobs {
	return jobsOf(db, store, views, nil)
}

func jobsOf(db *schema.DB, store *eventstore.Store, views *projections.Views, observe observer) operate.Jobs {
	letters := Letters{DB: db, Store: store}
	orders := orderJob{views: views, levers: leverOrders{Store: store, letters: inflight.NewDeadLetters(db), observe: observe}}
	return operate.Jobs{Kept: operations.NewJobs(db), Heads: store.Heads, Kinds: map[string]operate.JobKind{
		operate.JobRequeueLetters: letterJob{letters, "deadletters requeue", requeue},
		operate.JobDiscardLetters: letterJob{letters, "deadletters discard", discard},
		operate.JobCancelOrders:   orders.to(cancelOrder, notToCancel, domain.OrderCancelRequested{}),
		operate.JobRetryOrders:    orders.to(retryOrder, notToRetry, domain.OrderPlaced{RetryOf: domain.OrderID{1}}),
	}}
}

// jobs is the part of the node that works jobs off, one node at a time.
func (n *Node) jobs() part {
	return n.duty("jobs", jobsEvery, jobTurns(n.DB, jobsOf(n.DB, n.Store, n.Views, n.meter.Observe)))
}

// jobTurns gives what takes a turn at the jobs. What keeps old ones from being forgotten holds up none that runs.
func jobTurns(db *schema.DB, jobs operate.Jobs) func(context.Context) error {
	old, worker := sweep{kept: operations.NewJobs(db)}, jobs.Worker()
	return func(ctx context.Context) error { return errors.Join(old.turn(ctx), worker.Turn(ctx)) }
}

// sweep removes jobs that nobody needs any more, some at each turn.
type sweep struct {
	kept  *operations.Jobs
	due   time.Time        // when the next one begins
	after work.OperationID // the last job that this one is done with
}

// turn goes on with a sweep that is due. It ends early with a job that cannot be removed: that one is left to the next
// sweep, and the others to the next turn.
func (s *sweep) turn(ctx context.Context) error {
	if time.Now().Before(s.due) {
		return nil
	}
	old, err := s.kept.Forgotten(ctx, time.Now().Add(-jobsKept), time.Now().Add(-unconfirmedKept), s.after, sweepAtOnce)
	last := err == nil && len(old) < sweepAtOnce
	for n := 0; n < sweepAtOnce && len(old) > 0 && err == nil; n++ {
		var over bool
		if over, err = s.kept.RemoveSome(ctx, old[0].ID); over || err != nil {
			s.after, old = old[0].ID, old[1:]
		}
	}
	if last && len(old) == 0 {
		s.due, s.after = time.Now().Add(sweepEvery), work.OperationID{}
	}
	return err
}

// ending ends an item as done, in the transaction that does it.
type ending struct {
	job  work.Job
	item work.JobItem
}

// done ends the item. ref names the event, or the operation, that tells what was done. No ending does nothing.
func (e *ending) done(ctx context.Context, tx *schema.Tx, ref string) error {
	if e == nil {
		return nil
	}
	it := e.item
	it.State, it.Ref, it.EndedAt = work.ItemDone, ref, time.Now()
	return operations.EndItem(ctx, tx, e.job.ID, it)
}
