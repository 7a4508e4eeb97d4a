package bench

import (
	"strconv"
	"strings"

	"orderflow/domain"
	"orderflow/schema"
)

const (
	// rowsPerInsert is how many events one statement inserts.
	rowsPerInsert = 100
	// eventColumns is how many columns an event has.
	eventColumns = 9
)

// insertRows inserts n events into a table. Placeholders have no numbers where that is the
// driver's own form: the driver of SQLite looks each numbered one up among all there are.
func insertRows(d schema.Dialect, table string, n int) string {
	var b strings.Builder
	b.WriteString(`INSERT INTO ` + table + ` (position, partition, stream_id, version, type, data, metadata, recorded_at, hash) VALUES `)
	for i := range n * eventColumns {
		switch {
		case i == 0:
			b.WriteString("(")
		case i%eventColumns == 0:
			b.WriteString("), (")
		default:
			b.WriteString(", ")
		}
		b.WriteString("?")
		if d.Name() != "sqlite" {
			b.WriteString(strconv.Itoa(i + 1))
		}
	}
	return b.String() + ")"
}

// appendRow appends the values of an event in the order of insertRows.
func appendRow(args []any, r domain.Recorded) []any {
	return append(args, r.Position, r.Partition, r.OrderID[:], r.Version, r.Type,
		string(r.Data), string(r.RawMeta), schema.TimeArg(r.RecordedAt), r.Hash)
}
