package rows

// Dialect is what the two databases write differently.
type Dialect struct {
	// Equal is the condition that a column of text is exactly the parameter.
	Equal func(column, param string) string
	// Unindexed is a column for a condition by which no index is to be chosen.
	Unindexed func(column string) string
	// Differ is the condition that two columns of the same kind differ, or one of them is
	// NULL.
	Differ func(a, b string, text bool) string
	// DeleteSome deletes any ?1 rows of a table.
	DeleteSome func(table string) string
	// Nth is the clause, after ORDER BY, that skips ?2 rows and keeps one.
	Nth string
	// Swap changes the names of the two tables of orders, in a transaction.
	Swap []string
	// update sets columns of the rows whose order_id is the last of each of the rows of a Question.
	update func(table string, columns []string) string
}

// changed says which of the columns that have an index, or seldom change, an update has to set. They cost less if
// they are left alone.
type changed uint8

const (
	changedStatus changed = 1 << iota // status and current_step
	changedNode
	changedRequest
	changedKinds = 1 << iota
)

// setColumns are the columns of an update, by what has changed.
var setColumns = func() (all [changedKinds][]string) {
	for what := range changed(changedKinds) {
		columns := []string{"version", "steps", "started_at", "completed_at"}
		if what&changedStatus != 0 {
			columns = append(columns, "status", "current_step")
		}
		if what&changedNode != 0 {
			columns = append(columns, "node")
		}
		if what&changedRequest != 0 {
			columns = append(columns, "request")
		}
		all[what] = columns
	}
	return all
}()
