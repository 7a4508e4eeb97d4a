package bench

import (
	"orderflow/domain"
	"orderflow/schema"
)

const (
	// rowsPerInsert is how many events one statement inserts.
	rowsPerInsert = 100
	// eventColumns is how many columns an event has.
	eventColumns = 9
)

// insertRows inserts n events into a table.
func insertRows(table string, n int) string {
	return `INSERT INTO ` + table + ` (position, partition, stream_id, version, type, data, metadata, recorded_at, hash) VALUES ` + schema.Values(n, eventColumns)
}

// appendRow appends the values of an event in the order of insertRows.
func appendRow(args []any, r domain.Recorded) []any {
	return append(args, r.Position, r.Partition, r.OrderID[:], r.Version, r.Type,
		schema.Text(r.Data), schema.Text(r.RawMeta), schema.TimeArg(r.RecordedAt), r.Hash)
}
