package rebuild

import (
	"context"
	"errors"
	"time"

	"orderflow/projections/internal/rows"
	"orderflow/projections/verify"
	"orderflow/schema"
)

// Run makes the orders anew from the log, and reports what was wrong with the old
// ones. Reads and projectors go on meanwhile. ErrRebuildRunning if another is at work;
// after any other error, or if it was killed, the old orders are still in place
// (unless the error says that the commit of the swap failed) and it can be run again.
func Run(ctx context.Context, db *schema.DB, log Log, conf Config) (_ verify.Report, err error) {
	begun, conf := time.Now(), conf.withDefaults()
	lock, err := takeLock(ctx, db, conf.Stale)
	if err != nil {
		return verify.NewReport(), err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() { defer close(kept); lock.keep(ctx, cancel) }()
	defer func() {
		cancel(nil)
		<-kept
		// Whatever happened, the lock must not keep the next rebuild waiting.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), conf.Stale)
		defer cancel()
		if rerr := lock.release(ctx); err == nil {
			err = rerr
		}
	}()
	r := &rebuild{db: db, log: log, conf: conf, lock: lock, table: rows.TableOf(db, rows.NextTable), built: make([]rows.Checkpoint, log.Partitions())}
	report, err := r.run(ctx)
	if cause := context.Cause(ctx); errors.Is(cause, ErrRebuildRunning) {
		err = cause
	}
	report.Took = time.Since(begun)
	return report, err
}

func (r *rebuild) run(ctx context.Context) (report verify.Report, err error) {
	report = verify.NewReport()
	if err := r.empty(ctx, verify.PhaseClear); err != nil {
		return report, err
	}
	if err := r.begin(ctx); err != nil {
		return report, err
	}
	if err := r.fill(ctx, verify.PhaseFill); err != nil {
		return report, err
	}
	if report, err = r.compare(ctx); err != nil {
		return report, err
	}
	// What was appended while the tables were compared, so that little is left to do under
	// the locks of the swap.
	if err := r.fill(ctx, verify.PhaseSwap); err != nil {
		return report, err
	}
	wrong, err := r.swap(ctx, report.RowsClean())
	if err != nil {
		return report, err
	}
	report.AddOthers(wrong)
	report.Events += r.applied()
	return report, r.empty(ctx, verify.PhaseEmpty)
}
