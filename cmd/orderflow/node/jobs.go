package node

import (
	"context"
	"errors"
	"time"

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
	// sweepEvery is the time between looks for jobs to forget.
	sweepEvery = time.Hour
	// jobsKept is how long a job is kept after it was ordered.
	jobsKept = 90 * 24 * time.Hour
	// unconfirmedKept is how long one is kept that was not confirmed, since the process ended that selected its items.
	unconfirmedKept = time.Hour
)

// JobsOf are the jobs of a database: they are ordered, stopped and looked at without a node, and worked off by one.
func JobsOf(db *schema.DB, store *eventstore.Store, views *projections.Views) operate.Jobs {
	letters := Letters{DB: db, Store: store}
	orders := orderJob{views: views, levers: leverOrders{Store: store, letters: inflight.NewDeadLetters(db)}}
	return operate.Jobs{Kept: operations.NewJobs(db), Heads: store.Heads, Kinds: map[string]operate.JobKind{
		operate.JobRequeueLetters: letterJob{letters, "deadletters requeue", requeue},
		operate.JobDiscardLetters: letterJob{letters, "deadletters discard", discard},
		operate.JobCancelOrders:   orders.to(cancelOrder),
		operate.JobRetryOrders:    orders.to(retryOrder),
	}}
}

// jobs is the part of the node that works jobs off, one node at a time.
func (n *Node) jobs() part {
	kept, worker := operations.NewJobs(n.DB), JobsOf(n.DB, n.Store, n.Views).Worker()
	swept := time.Time{}
	return n.duty("jobs", jobsEvery, func(ctx context.Context) error {
		if time.Since(swept) > sweepEvery {
			if err := sweepJobs(ctx, kept); err != nil {
				return err
			}
			swept = time.Now()
		}
		return worker.Turn(ctx)
	})
}

// sweepJobs removes jobs that nobody needs any more.
func sweepJobs(ctx context.Context, kept *operations.Jobs) error {
	old, err := kept.Forgotten(ctx, time.Now().Add(-jobsKept), time.Now().Add(-unconfirmedKept))
	for _, j := range old {
		err = errors.Join(err, kept.Remove(ctx, j.ID))
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
