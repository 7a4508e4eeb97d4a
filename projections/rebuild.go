package projections

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"orderflow/schema"
)

// RebuildOptions say how to rebuild.
type RebuildOptions struct {
	// Progress is called now and then, by one goroutine at a time, if it is not nil. It must
	// not block for long.
	Progress func(Progress)
	// BatchSize is how many events are read at a time; 5,000 by default.
	BatchSize int
	// Stale is how long the claim of another rebuild must show no sign of life before it is
	// taken for dead; 5 s by default.
	Stale time.Duration

	limits limits
}

func (o RebuildOptions) withDefaults() RebuildOptions {
	if o.Progress == nil {
		o.Progress = func(Progress) {}
	}
	if o.BatchSize <= 0 {
		o.BatchSize = 5000
	}
	if o.Stale <= 0 {
		o.Stale = 5 * time.Second
	}
	if o.limits == (limits{}) {
		o.limits = defaultLimits
	}
	return o
}

// rebuild is a rebuild under way.
type rebuild struct {
	db    *schema.DB
	log   Log
	opts  RebuildOptions
	claim *claim
	table table        // the one that is filled
	built []checkpoint // by partition: what has been read; the counts are of what has been written
}

// Rebuild makes the orders anew from the log, and reports what was wrong with the old
// ones. Reads and projectors go on meanwhile. ErrRebuildRunning if another is at work;
// after any other error, or if it was killed, the old orders are still in place
// (unless the error says that the commit of the swap failed) and it can be run again.
func Rebuild(ctx context.Context, db *schema.DB, log Log, o RebuildOptions) (_ Report, err error) {
	begun, o := time.Now(), o.withDefaults()
	held, err := takeClaim(ctx, db, o.Stale)
	if err != nil {
		return newReport(), err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	kept := make(chan struct{})
	go func() { defer close(kept); held.keep(ctx, cancel) }()
	defer func() {
		cancel(nil)
		<-kept
		// Whatever happened, the claim must not keep the next rebuild waiting.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), o.Stale)
		defer cancel()
		if rerr := held.release(ctx); err == nil {
			err = rerr
		}
	}()
	r := &rebuild{db: db, log: log, opts: o, claim: held, table: tableOf(db, next), built: make([]checkpoint, log.Partitions())}
	report, err := r.run(ctx)
	if cause := context.Cause(ctx); errors.Is(cause, ErrRebuildRunning) {
		err = cause
	}
	report.Took = time.Since(begun)
	return report, err
}

func (r *rebuild) run(ctx context.Context) (report Report, err error) {
	report = newReport()
	if err := r.empty(ctx, PhaseClear); err != nil {
		return report, err
	}
	if err := r.begin(ctx); err != nil {
		return report, err
	}
	if err := r.fill(ctx, PhaseFill); err != nil {
		return report, err
	}
	if report, err = r.compare(ctx); err != nil {
		return report, err
	}
	// What was appended while the tables were compared, so that little is left to do under
	// the locks of the swap.
	if err := r.fill(ctx, PhaseSwap); err != nil {
		return report, err
	}
	wrong, err := r.swap(ctx, report.rowsClean())
	if err != nil {
		return report, err
	}
	for _, d := range wrong {
		report.add([]Difference{d}, false)
	}
	for _, c := range r.built {
		report.Events += c.position
	}
	return report, r.empty(ctx, PhaseEmpty)
}

// emptyRows is how many rows are deleted in one transaction.
const emptyRows = 2000

// empty deletes all rows of the table next, in small transactions.
func (r *rebuild) empty(ctx context.Context, phase string) error {
	for done := int64(0); ; {
		var n int64
		err := r.claim.inTx(ctx, func(tx *schema.Tx) error {
			result, err := tx.ExecContext(ctx, r.table.dialect.deleteSome(next), emptyRows)
			if err == nil {
				n, err = result.RowsAffected()
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("empty %s: %w", next, err)
		}
		if n == 0 {
			return nil
		}
		done += n
		r.opts.Progress(Progress{Phase: phase, Done: done})
	}
}

// begin sets the checkpoints of the table next to the beginning.
func (r *rebuild) begin(ctx context.Context) error {
	return r.claim.inTx(ctx, func(tx *schema.Tx) error {
		for partition := range r.built {
			if err := setCheckpoint(ctx, tx, next, partition, checkpoint{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// total is the sum of positions.
func total(positions []int64) (sum int64) {
	for _, p := range positions {
		sum += p
	}
	return sum
}

func (r *rebuild) positions() []int64 {
	all := make([]int64, 0, len(r.built))
	for _, c := range r.built {
		all = append(all, c.position)
	}
	return all
}

// left says how many events of the log lie before the heads.
func (r *rebuild) left(heads []int64) int64 { return total(heads) - total(r.positions()) }

// swap applies what is left up to the heads and exchanges the tables and their
// checkpoints in one transaction. It first takes the locks of the live checkpoints, so
// that no projector writes to either table before it has committed; one that waits
// finds its checkpoint moved, or still good for the table it then finds. It says what was wrong with
// the checkpoints.
func (r *rebuild) swap(ctx context.Context, rowsClean bool) (wrong []Difference, err error) {
	if rowsClean { // before the locks: it counts all rows
		if wrong, err = Miscounts(ctx, r.db); err != nil {
			return nil, err
		}
	}
	var late []Difference
	built := slices.Clone(r.built)
	err = r.claim.inTx(ctx, func(tx *schema.Tx) error {
		r.built = slices.Clone(built) // the transaction may be repeated
		if _, err := tx.ExecContext(ctx, `UPDATE checkpoints SET updated_at = updated_at WHERE projection = ?1`, live); err != nil {
			return err
		}
		if err := r.finish(ctx, tx); err != nil {
			return err
		}
		replaced, err := readCheckpoints(ctx, tx, live)
		if err != nil {
			return err
		}
		late = r.unlike(replaced, !rowsClean)
		for partition, c := range r.built {
			if err := setCheckpoint(ctx, tx, live, partition, c); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM checkpoints WHERE projection = ?1 AND partition >= 0`, next); err != nil {
			return err
		}
		for _, statement := range r.table.dialect.swap {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("swap %s and %s: %w", live, next, err)
	}
	return append(wrong, late...), nil
}

// unlike says what is wrong with the checkpoints that are replaced: where they are beyond what there
// is and, if asked, counts that cannot be read, or else what they count where they are at the same place as
// those that were built.
func (r *rebuild) unlike(replaced map[int]checkpoint, count bool) (found []Difference) {
	stored, expected, same := counts{}, counts{}, count
	for partition, c := range r.built {
		was := replaced[partition]
		if was.position > c.position {
			found = append(found, beyond(partition, was.position, c.position))
		}
		if count && was.damage != nil {
			found = append(found, was.damage.difference())
		}
		same = same && was.damage == nil && was.position == c.position
		stored.addAll(was.counts)
		expected.addAll(c.counts)
	}
	if same {
		found = append(found, differ(stored, expected)...)
	}
	return found
}

// finish applies, within a transaction, all that has been appended up to now. What is
// appended later is beyond the heads, and for the projectors.
func (r *rebuild) finish(ctx context.Context, tx *schema.Tx) error {
	heads, err := r.log.Heads(ctx)
	if err != nil {
		return err
	}
	for partition, head := range heads {
		for r.built[partition].position < head {
			c := r.built[partition]
			events, err := readLog(ctx, r.log, partition, c.position, int(min(head-c.position, int64(r.opts.BatchSize))))
			if err != nil {
				return err
			}
			f := newFold(r.table, r.log, c.counts)
			if err := f.apply(ctx, tx, events, false); err != nil {
				return err
			}
			if err := f.write(ctx, tx, f.changes(false, math.MaxInt, math.MaxInt)); err != nil {
				return err
			}
			r.built[partition] = checkpoint{position: c.position + int64(len(events)), counts: f.counts}
			r.opts.Progress(Progress{Phase: PhaseSwap, Done: total(r.positions()), Total: total(heads)})
		}
	}
	return nil
}
