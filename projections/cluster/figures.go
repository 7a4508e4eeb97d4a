package cluster

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

// Figure is what the last pass of a duty found.
type Figure struct {
	Name    string
	AsOf    time.Time // when the pass began, by the database's clock
	Node    string    // that did the pass
	Content json.RawMessage
	// Age is how long ago it was AsOf, by the database's clock. It is not written.
	Age time.Duration
}

// Figures are the figures of a database.
type Figures struct{ db *schema.DB }

// NewFigures opens the figures of a database.
func NewFigures(db *schema.DB) *Figures { return &Figures{db: db} }

// Now is the database's clock: what a pass that begins now is as of.
func (f *Figures) Now(ctx context.Context) (time.Time, error) {
	var now schema.Time
	if err := f.db.QueryRowContext(ctx, `SELECT `+f.db.Dialect().Now()).Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("ask for the time of the database: %w", f.db.Translate(err))
	}
	return now.Time, nil
}

// patience is how long a statement waits for a row that somebody has locked.
const patience = 300 * time.Millisecond

// Write writes a figure, unless one is there that is as of the same time or a later one. It says whether it did.
func (f *Figures) Write(ctx context.Context, x Figure) (written bool, err error) {
	err = f.db.InTxBrief(ctx, patience, func(tx *schema.Tx) error {
		written, err = write(ctx, tx, x)
		return err
	})
	if errors.Is(err, schema.ErrDuplicateKey) { // another node wrote the first one
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("write the figure %s: %w", x.Name, err)
	}
	return written, nil
}

func write(ctx context.Context, tx *schema.Tx, x Figure) (bool, error) {
	for _, query := range []string{
		`UPDATE figures SET as_of = ?2, node = ?3, content = ?4 WHERE name = ?1 AND as_of < ?2`,
		`INSERT INTO figures (name, as_of, node, content) SELECT ?1, ?2, ?3, ?4 WHERE NOT EXISTS (SELECT 1 FROM figures WHERE name = ?1)`,
	} {
		res, err := tx.ExecContext(ctx, query, x.Name, schema.TimeArg(x.AsOf), x.Node, string(x.Content))
		if err != nil {
			return false, err
		}
		if n, err := res.RowsAffected(); err != nil || n > 0 {
			return n > 0, err
		}
	}
	return false, nil
}

// Read reads a figure; nil if there is none.
func (f *Figures) Read(ctx context.Context, name string) (found *Figure, err error) {
	err = f.db.Look(ctx, patience, func(look *schema.Look) error {
		return look.Read(ctx, func(rows *sql.Rows) error {
			found = nil
			if !rows.Next() {
				return rows.Err()
			}
			x := Figure{Name: name}
			var asOf, now schema.Time
			var content string
			err := rows.Scan(&asOf, &x.Node, &content, &now)
			x.AsOf, x.Age, x.Content = asOf.Time, max(0, now.Sub(asOf.Time)), json.RawMessage(content)
			found = &x
			return err
		}, `SELECT as_of, node, content, `+look.Dialect().Now()+` FROM figures WHERE name = ?1`, name)
	})
	if err != nil {
		return nil, fmt.Errorf("read the figure %s: %w", name, err)
	}
	return found, nil
}

// Orphaned says that what a figure says may have changed at once since: the node that did the pass lives no more, or
// the last worker has been lost. It is true of a figure that there is not.
func (f *Figures) Orphaned(ctx context.Context, name string) (orphaned bool, err error) {
	err = f.db.Look(ctx, patience, func(look *schema.Look) error {
		d := look.Dialect()
		good := `n.expires_at > ` + d.Now() + ` AND n.state <> '` + work.NodeLost + `' AND n.state <> '` + work.NodeStopped + `'`
		const worker = `n.roles LIKE '%worker%'`
		return look.Read(ctx, func(rows *sql.Rows) error {
			orphaned = !rows.Next()
			return rows.Err()
		}, `SELECT 1 FROM figures f WHERE f.name = ?1 AND EXISTS (SELECT 1 FROM nodes n WHERE n.node = f.node AND `+good+`)
			AND (EXISTS (SELECT 1 FROM nodes n WHERE `+worker+` AND `+good+`) OR NOT EXISTS (SELECT 1 FROM nodes n WHERE `+worker+` AND n.expires_at > f.as_of))`, name)
	})
	if err != nil {
		return false, fmt.Errorf("look whose the figure %s is: %w", name, err)
	}
	return orphaned, nil
}
