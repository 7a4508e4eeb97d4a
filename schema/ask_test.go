package schema_test

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestTx_Ask: several statements, some of which return rows or none at all, each get
// their own answer, and an error anywhere undoes all of them.
func TestTx_Ask(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		ctx, db := t.Context(), open(t)
		read := func(into *[]int) func(*sql.Rows) error {
			return func(rows *sql.Rows) error {
				for rows.Next() {
					var n int
					if err := rows.Scan(&n); err != nil {
						return err
					}
					*into = append(*into, n)
				}
				return nil
			}
		}
		ask := func(questions ...schema.Question) error {
			return db.InTx(ctx, func(tx *schema.Tx) error { return tx.Ask(ctx, questions...) })
		}
		set := func(n int) schema.Question {
			return schema.Question{Query: `UPDATE heads SET head = ?2 WHERE partition = ?1`, Args: []any{0, n}}
		}
		get := func(partition int, into *[]int) schema.Question {
			return schema.Question{Query: `SELECT head FROM heads WHERE partition = ?1`, Args: []any{partition}, Read: read(into)}
		}
		again := schema.Question{Query: `INSERT INTO heads (partition, head) VALUES (?1, ?2)`, Args: []any{0, 0}}

		var before, none, after []int
		if err := ask(set(1), get(0, &before), get(99, &none), set(2), get(0, &after), set(3)); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(before, []int{1}) || len(none) != 0 || !slices.Equal(after, []int{2}) {
			t.Fatalf("answers %v, %v, %v; want [1], [], [2]", before, none, after)
		}
		for name, questions := range map[string][]schema.Question{
			"first": {again, set(4), get(0, &none)}, "between": {set(4), again, get(0, &none)},
			"last": {set(4), get(0, &none), again}, "without answers": {set(4), again, set(5)},
		} {
			if err := ask(questions...); !errors.Is(err, schema.ErrDuplicateKey) {
				t.Errorf("error in the %s: %v, want ErrDuplicateKey", name, err)
			}
		}
		var changed []int64
		tell := func(rows int64) { changed = append(changed, rows) }
		var rows int64
		if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM heads`).Scan(&rows); err != nil {
			t.Fatal(err)
		}
		all := schema.Question{Query: `UPDATE heads SET head = head`, Changed: tell}
		no := schema.Question{Query: `UPDATE heads SET head = 9 WHERE partition = ?1`, Args: []any{99}, Changed: tell}
		one := set(3)
		one.Changed = tell
		if err := ask(all, get(99, &none), no, set(2), one); err != nil {
			t.Fatal(err)
		}
		if want := []int64{rows, 0, 1}; !slices.Equal(changed, want) {
			t.Fatalf("rows changed: %v, want %v", changed, want)
		}
		var both []int64
		then := func(partition, to int) schema.Question {
			return schema.Question{
				Query: `UPDATE heads SET head = ?2 WHERE partition = ?1 AND ?2 > 0`, Then: `UPDATE heads SET head = head + 1 WHERE partition <> ?1`,
				Args: []any{partition, to}, Spare: true, Both: func(first, second int64) { both = append(both, first, second) },
			}
		}
		if err := ask(then(0, 5), then(99, 5), one, then(0, 3)); err != nil {
			t.Fatal(err)
		}
		if want := []int64{1, rows - 1, 0, 0, 1, rows - 1}; !slices.Equal(both, want) {
			t.Fatalf("rows changed by one statement and then by another: %v, want %v", both, want)
		}
		// A round trip leaves nothing behind in its session that would change what later
		// statements say, such as SET NOCOUNT.
		var later int64
		if err := db.InTx(ctx, func(tx *schema.Tx) error {
			if err := tx.Ask(ctx, all, get(0, &none)); err != nil {
				return err
			}
			res, err := tx.ExecContext(ctx, `UPDATE heads SET head = head`)
			if err != nil {
				return err
			}
			later, err = res.RowsAffected()
			return err
		}); err != nil || later != rows {
			t.Fatalf("a statement after a round trip of several changed %d rows, err %v; want %d", later, err, rows)
		}
		var end []int
		if err := ask(get(0, &end)); err != nil || !slices.Equal(end, []int{3}) {
			t.Fatalf("the head is %v, err %v; want 3: what failed must be undone", end, err)
		}
	})
}
