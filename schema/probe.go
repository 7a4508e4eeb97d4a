package schema

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// probeSize is the size of a probe's row, in bytes: about what an order without much detail
// comes to, with its events, messages and views.
const probeSize = 8 << 10

// Probe writes a row, commits, reads the row back and removes it, through the connection of appends.
// The row belongs to node, which must not probe twice at once. On SQLite Probe then reads the beginning
// of every table from the disk, since the caches of other connections may hide damage there. It costs
// some milliseconds and two transactions.
func (db *DB) Probe(ctx context.Context, node string) error {
	content := make([]byte, probeSize)
	_, _ = rand.Read(content) // never fails
	if err := db.InTx(ctx, func(tx *Tx) error { return writeProbe(ctx, tx, node, content) }); err != nil {
		return fmt.Errorf("write a row: %w", err)
	}
	if err := db.InTx(ctx, func(tx *Tx) error { return removeProbe(ctx, tx, node, content) }); err != nil {
		return fmt.Errorf("read the row back and remove it: %w", err)
	}
	if db.sqlite != nil {
		if err := db.sqlite.Look(ctx); err != nil {
			return fmt.Errorf("look at the tables on the disk: %w", db.dialect.translate(err))
		}
	}
	return nil
}

func writeProbe(ctx context.Context, tx *Tx, node string, content []byte) error {
	// One of a probe that was cut short may be left.
	if _, err := tx.ExecContext(ctx, `DELETE FROM probes WHERE node = ?1`, node); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO probes (node, content, written_at) VALUES (?1, ?2, ?3)`, node, content, TimeArg(time.Now()))
	return err
}

func removeProbe(ctx context.Context, tx *Tx, node string, content []byte) error {
	var found []byte
	err := tx.QueryRowContext(ctx, `SELECT content FROM probes WHERE node = ?1`, node).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !bytes.Equal(found, content) {
		return fmt.Errorf("%w: what was written is not what is read", ErrDamaged)
	}
	if err != nil {
		return tx.db.dialect.translate(err)
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM probes WHERE node = ?1`, node)
	return err
}
