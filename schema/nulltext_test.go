package schema_test

import (
	"database/sql"
	"slices"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

// TestDB_nullText: text that may be NULL is stored as it is, also where a collation passes over all its
// characters, so that it compares equal to no text at all.
func TestDB_nullText(t *testing.T) {
	schematest.EachDialect(t, func(t *testing.T, open func(testing.TB) *schema.DB) {
		ctx, db := t.Context(), open(t)
		var want []sql.NullString
		for _, s := range []string{"\u00ad", "\u200b", "\u2060", "\U0001f4e6", " ", "a"} {
			want = append(want, sql.NullString{String: s, Valid: true})
		}
		want = append(want, sql.NullString{})
		if err := db.InTx(ctx, func(tx *schema.Tx) error {
			_, err := tx.ExecContext(ctx, `CREATE TABLE texts (number INT PRIMARY KEY, text NVARCHAR(100) NULL)`)
			for i, s := range want {
				if err == nil {
					_, err = tx.ExecContext(ctx, `INSERT INTO texts (number, text) VALUES (?1, ?2)`, i, s)
				}
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var got []sql.NullString
		if err := db.Read(ctx, func(rows *sql.Rows) error {
			got = nil
			for rows.Next() {
				var s sql.NullString
				if err := rows.Scan(&s); err != nil {
					return err
				}
				got = append(got, s)
			}
			return rows.Err()
		}, `SELECT text FROM texts ORDER BY number`); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("stored %+v\nwant   %+v", got, want)
		}
	})
}
