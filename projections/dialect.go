package projections

import "orderflow/schema"

// dialect is what the two databases write differently.
type dialect struct {
	// set are the columns of an update, by what has changed.
	set [changedKinds][]string
	// update sets columns of the rows whose order_id is the last of each row of values.
	update func(table string, columns []string, values string) string
	// equal is the condition that a column of text is exactly the parameter.
	equal func(column, param string) string
	// unindexed is a column for a condition that is not to be the one by which an index is chosen.
	unindexed func(column string) string
	// differ is the condition that two columns of the same kind differ, or one of them is
	// NULL.
	differ func(a, b string, text bool) string
	// deleteSome deletes any ?1 rows of a table.
	deleteSome func(table string) string
	// nth is the clause, after ORDER BY, that skips ?2 rows and keeps one.
	nth string
	// swap changes the names of the two tables of orders, in a transaction.
	swap []string
}

func dialectOf(db *schema.DB) dialect {
	if db.Dialect().Name() == "sqlserver" {
		return sqlServer
	}
	return sqlite
}

func setLists() (all [changedKinds][]string) {
	for what := range changed(changedKinds) {
		all[what] = setColumns(what)
	}
	return all
}
