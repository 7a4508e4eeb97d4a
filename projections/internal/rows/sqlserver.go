package rows

import "strings"

var sqlServer = Dialect{
	update: func(table string, columns []string) string {
		var b strings.Builder
		b.WriteString(`UPDATE o SET `)
		for i, c := range columns {
			if i > 0 {
				b.WriteString(`, `)
			}
			b.WriteString(c + ` = v.` + c)
		}
		// A table that is young has the server choose a hash join, which reads, and locks, all of it. The
		// kind of the key is named so that nothing is in the way of a seek.
		b.WriteString(` FROM ` + table + ` AS o WITH (FORCESEEK, ROWLOCK) JOIN (VALUES *) AS v (` + strings.Join(columns, `, `) +
			`, order_id) ON o.order_id = CAST(v.order_id AS BINARY(16))`)
		return b.String()
	},
	Nth: `OFFSET ?2 ROWS FETCH NEXT 1 ROWS ONLY`,
	// The collation of the columns tells cases and accents apart; = alone ignores blanks at the end.
	Equal: func(column, param string) string {
		return column + ` = ` + param + ` AND DATALENGTH(` + column + `) = DATALENGTH(` + param + `)`
	},
	// The server has statistics to choose by.
	Unindexed: func(column string) string { return column },
	// Text is compared by its bytes, since the database's collation may not tell cases apart.
	Differ: func(a, b string, text bool) string {
		nulls := `(` + a + ` IS NULL AND ` + b + ` IS NOT NULL) OR (` + a + ` IS NOT NULL AND ` + b + ` IS NULL)`
		if text {
			a, b = `CAST(`+a+` AS VARBINARY(MAX))`, `CAST(`+b+` AS VARBINARY(MAX))`
		}
		return `(` + a + ` <> ` + b + ` OR ` + nulls + `)`
	},
	DeleteSome: func(table string) string { return `DELETE TOP (?1) FROM ` + table },
	// A rename waits for statements that use the table (schema lock) and is part of the
	// transaction; statements that come after it find the other table under the name.
	Swap: []string{
		`EXEC sp_rename 'orders', 'orders_last', 'OBJECT'`,
		`EXEC sp_rename 'orders_next', 'orders', 'OBJECT'`,
		`EXEC sp_rename 'orders_last', 'orders_next', 'OBJECT'`,
	},
}
