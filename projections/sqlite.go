package projections

import (
	"strconv"
	"strings"
)

var sqlite = dialect{
	set: setLists(),
	// UPDATE ... FROM joins the rows given, which have no index, to the table by its key.
	update: func(table string, columns []string, values string) string {
		var b strings.Builder
		b.WriteString(`UPDATE ` + table + ` SET `)
		for i, c := range columns {
			if i > 0 {
				b.WriteString(`, `)
			}
			b.WriteString(c + ` = column` + strconv.Itoa(i+1))
		}
		b.WriteString(` FROM (VALUES ` + values + `) WHERE order_id = column` + strconv.Itoa(len(columns)+1))
		return b.String()
	},
	nth:       `LIMIT 1 OFFSET ?2`,
	equal:     func(column, param string) string { return column + ` = ` + param },
	unindexed: func(column string) string { return `+` + column },
	differ:    func(a, b string, _ bool) string { return a + ` IS NOT ` + b },
	deleteSome: func(table string) string {
		return `DELETE FROM ` + table + ` WHERE rowid IN (SELECT rowid FROM ` + table + ` LIMIT ?1)`
	},
	swap: []string{
		`ALTER TABLE orders RENAME TO orders_last`,
		`ALTER TABLE orders_next RENAME TO orders`,
		`ALTER TABLE orders_last RENAME TO orders_next`,
	},
}
