package rows

import (
	"strconv"
	"strings"
)

var sqlite = Dialect{
	// UPDATE ... FROM joins the rows given, which have no index, to the table by its key.
	update: func(table string, columns []string) string {
		var b strings.Builder
		b.WriteString(`UPDATE ` + table + ` SET `)
		for i, c := range columns {
			if i > 0 {
				b.WriteString(`, `)
			}
			b.WriteString(c + ` = column` + strconv.Itoa(i+1))
		}
		b.WriteString(` FROM (VALUES *) WHERE order_id = column` + strconv.Itoa(len(columns)+1))
		return b.String()
	},
	Nth:       `LIMIT 1 OFFSET ?2`,
	Equal:     func(column, param string) string { return column + ` = ` + param },
	Unindexed: func(column string) string { return `+` + column },
	Differ:    func(a, b string, _ bool) string { return a + ` IS NOT ` + b },
	DeleteSome: func(table string) string {
		return `DELETE FROM ` + table + ` WHERE rowid IN (SELECT rowid FROM ` + table + ` LIMIT ?1)`
	},
	Swap: []string{
		`ALTER TABLE orders RENAME TO orders_last`,
		`ALTER TABLE orders_next RENAME TO orders`,
		`ALTER TABLE orders_last RENAME TO orders_next`,
	},
}
