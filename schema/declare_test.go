package schema

import (
	"database/sql"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// TestSQLServer_bind: what a statement is kept by does not depend on the lengths of its values.
func TestSQLServer_bind(t *testing.T) {
	type status string
	null := sql.NullString{}
	some := sql.NullString{String: "n", Valid: true}
	for _, c := range []struct {
		query string
		args  []any
		want  string
	}{
		{`INSERT INTO t VALUES (?1, ?2), (?3, ?4)`, []any{"a", 1, "b", 2}, `INSERT INTO t VALUES (@p1, @p2), (@p3, @p4)`},
		{`INSERT INTO t VALUES (?1, ?2)`, []any{null, some}, `INSERT INTO t VALUES (CASE WHEN DATALENGTH(@p1) > 0 THEN @p1 END, CASE WHEN DATALENGTH(@p2) > 0 THEN @p2 END)`},
		{`UPDATE t SET a = ?1, b = ?2 WHERE c = ?3 AND d <> ?4 AND e >= ?5`, []any{"a", null, "c", status("d"), 5},
			`UPDATE t SET a = @p1, b = CASE WHEN DATALENGTH(@p2) > 0 THEN @p2 END WHERE c = CAST(@p3 AS NVARCHAR(4000)) AND d <> CAST(@p4 AS NVARCHAR(4000)) AND e >= @p5`},
		{`SELECT ?1, a FROM t WHERE b IN (?2, ?3) AND c = ?4`, []any{"a", "b", "c", []byte{4}},
			`SELECT @p1, a FROM t WHERE b IN (CAST(@p2 AS NVARCHAR(4000)), CAST(@p3 AS NVARCHAR(4000))) AND c = @p4`},
		{`UPDATE t SET a = DATEADD(second, ?1, ?2), b = ?3 WHERE c = ?3`, []any{1, "2", "3"},
			`UPDATE t SET a = DATEADD(second, @p1, @p2), b = @p3 WHERE c = CAST(@p3 AS NVARCHAR(4000))`},
		{`SELECT a FROM t WHERE b = ?1 OR c = ?2`, []any{"b", some},
			`SELECT a FROM t WHERE b = CAST(@p1 AS NVARCHAR(4000)) OR c = CAST(CASE WHEN DATALENGTH(@p2) > 0 THEN @p2 END AS NVARCHAR(4000))`},
		// What would be cut off is not converted.
		{`SELECT a FROM t WHERE b = ?1`, []any{strings.Repeat("b", 4001)}, `SELECT a FROM t WHERE b = @p1`},
		{`SELECT a FROM t WHERE b = ?1`, []any{strings.Repeat("\U0001f4e6", 2001)}, `SELECT a FROM t WHERE b = @p1`},
		{`SELECT a FROM t WHERE b = ?1`, []any{strings.Repeat("\u00fc", 4000)}, `SELECT a FROM t WHERE b = CAST(@p1 AS NVARCHAR(4000))`},
	} {
		text, args := sqlServer{}.bind(c.query, c.args)
		if text != c.want {
			t.Errorf("%s\nis sent as %s\nwant       %s", c.query, text, c.want)
		}
		for i, arg := range args {
			_, isText := arg.(mssql.NVarCharMax)
			of := reflect.TypeOf(c.args[i])
			if text := of.Kind() == reflect.String || of == reflect.TypeOf(null); isText != text {
				t.Errorf("%s: argument %d, a %s, is sent as a %T", c.query, i+1, of, arg)
			}
		}
	}
}

// TestDeclare_kept: what is kept of statements does not grow with the values they come with, however long
// and short ones, and NULL, are mixed in their rows.
func TestDeclare_kept(t *testing.T) {
	all := func() (n int) {
		kept.Range(func(any, any) bool { n++; return true })
		return n
	}
	before := all()
	for range 200 {
		var args []any
		for range 16 {
			args = append(args, strings.Repeat("d", rand.IntN(2)*5000), sql.NullString{String: "n", Valid: rand.IntN(2) == 0})
		}
		args[1] = sql.NullString{Valid: true} // declared as it is
		sqlServer{}.bind(`INSERT INTO kept (a, b) VALUES `+Values(16, 2), args)
		sqlServer{}.bind(`UPDATE kept SET a = ?1, b = ?2 WHERE c = ?3`, args[:3])
	}
	if n := all() - before; n != 2 {
		t.Errorf("of 2 statements with 200 mixes of values %d are kept", n)
	}
}
