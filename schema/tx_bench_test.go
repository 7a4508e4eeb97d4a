package schema_test

import (
	"context"
	"testing"

	"orderflow/schema"
	"orderflow/schema/schematest"
)

const benchColumns = 9

// benchTable is a database with a table of rows as wide as an event's.
func benchTable(b *testing.B) *schema.DB {
	b.Helper()
	db := schematest.SQLite(b)
	err := db.InTx(b.Context(), func(tx *schema.Tx) error {
		_, err := tx.ExecContext(b.Context(), `CREATE TABLE bench (a INTEGER, b INTEGER, c INTEGER, d TEXT, e TEXT, f BLOB, g BLOB, h INTEGER, i TEXT)`)
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return db
}

// benchArgs are the arguments of an insert of so many rows.
func benchArgs(rows int) []any {
	var args []any
	for i := range rows {
		args = append(args, i, int64(i)<<20, i%16, "a stream's name", "Something", []byte("an identity"), make([]byte, 200), nil, "2026-11-22T15:04:05.000000")
	}
	return args
}

// BenchmarkTx_ExecContext measures statements without their transaction.
func BenchmarkTx_ExecContext(b *testing.B) {
	for name, rows := range map[string]int{"1 row": 1, "32 rows": 32} {
		b.Run(name, func(b *testing.B) {
			db, args := benchTable(b), benchArgs(rows)
			query := `INSERT INTO bench VALUES ` + schema.Values(rows, benchColumns)
			b.ReportAllocs()
			for done := 0; done < b.N; {
				err := db.InTx(b.Context(), func(tx *schema.Tx) error {
					b.StartTimer()
					defer b.StopTimer()
					for n := 0; n < 500 && done < b.N; n++ {
						done++
						if _, err := tx.ExecContext(b.Context(), query, args...); err != nil {
							return err
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkTx_ExecContext_cheap measures what a statement costs besides the database: one
// that does nothing, with its placeholders in order and not.
func BenchmarkTx_ExecContext_cheap(b *testing.B) {
	for name, query := range map[string]string{
		"in order": `UPDATE bench SET a = ?1 WHERE 0 AND d = ?2`,
		"mixed":    `UPDATE bench SET d = ?2 WHERE 0 AND a = ?1 AND b = ?1`,
	} {
		b.Run(name, func(b *testing.B) {
			db := benchTable(b)
			b.ReportAllocs()
			b.ResetTimer()
			err := db.InTx(b.Context(), func(tx *schema.Tx) error {
				for i := range b.N {
					if _, err := tx.ExecContext(b.Context(), query, i, "text"); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}

// BenchmarkTx_QueryRowContext measures a question for one row.
func BenchmarkTx_QueryRowContext(b *testing.B) {
	db := benchTable(b)
	b.ReportAllocs()
	b.ResetTimer()
	err := db.InTx(b.Context(), func(tx *schema.Tx) error {
		for range b.N {
			var head int
			if err := tx.QueryRowContext(b.Context(), `SELECT head FROM heads WHERE partition = ?1`, 0).Scan(&head); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDB_InTx_empty measures transactions that do nothing.
func BenchmarkDB_InTx_empty(b *testing.B) {
	nothing := func(*schema.Tx) error { return nil }
	b.Run("one caller", func(b *testing.B) {
		db := schematest.SQLite(b)
		ctx, cancel := context.WithCancel(b.Context())
		defer cancel()
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			if err := db.InTx(ctx, nothing); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("64 callers", func(b *testing.B) {
		db := schematest.SQLite(b)
		b.SetParallelism(32)
		b.ReportAllocs()
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := db.InTx(b.Context(), nothing); err != nil {
					b.Error(err)
				}
			}
		})
	})
}
