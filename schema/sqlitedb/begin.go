package sqlitedb

import (
	"context"
	"time"

	lib "modernc.org/sqlite/lib"
)

// Begin begins a transaction. It waits for its turn, and then for other processes, until ctx ends.
// Others wait until the transaction is ended by Commit or Rollback.
func (db *DB) Begin(ctx context.Context, t Turn) (*WriteTx, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	mine := make(chan *WriteTx, 1)
	db.queue.enter(t, mine)
	for {
		if tx, err := db.queue.await(ctx, t, mine); err != nil || tx != nil {
			return tx, err
		}
		tx, err := db.start(ctx)
		if err != nil {
			db.queue.leave()
			return nil, err
		}
		if !db.queue.giveWay(t, mine, tx) {
			return tx, nil
		}
	}
}

// start begins a transaction, and notes since when other processes keep it from doing so.
func (db *DB) start(ctx context.Context) (*WriteTx, error) {
	db.blocked.CompareAndSwap(0, time.Now().UnixNano())
	pooled, err := db.Write.Conn(ctx)
	tx := &WriteTx{queue: &db.queue, file: db.file, pooled: pooled}
	if err == nil {
		err = tx.with(func(c *conn) error { tx.own = c; return c.begin(ctx) })
	}
	ended := ctx.Err()
	if err == nil || ended == nil && code(err) != lib.SQLITE_BUSY {
		db.blocked.Store(0)
	}
	begun := err == nil
	switch {
	case ended != nil:
		err = ended
	case begun:
		err = db.file.check()
	}
	switch {
	case err == nil:
		return tx, nil
	case begun:
		_ = tx.with((*conn).rollback) // nothing was done
	}
	if pooled != nil {
		_ = pooled.Close() // gives it back; what it says adds nothing
	}
	return nil, err
}

// Blocked is for how long another process has kept this one from beginning a transaction; 0 if none does.
func (db *DB) Blocked() time.Duration {
	since := db.blocked.Load()
	if since == 0 {
		return 0
	}
	return time.Since(time.Unix(0, since))
}

// Waiting is how many transactions wait for their turn.
func (db *DB) Waiting() int { return db.queue.length() }
