package eventstore

import "orderflow/schema"

// ThroughTable is a hint for SQL, after the name of the table events: read the table, and no index.
func ThroughTable(d schema.Dialect) string {
	if d.Name() == "sqlserver" {
		return `WITH (INDEX(events_pk))`
	}
	return `NOT INDEXED`
}

// ThroughStreams is the same hint for the index of streams.
func ThroughStreams(d schema.Dialect) string {
	if d.Name() == "sqlserver" {
		return `WITH (INDEX(events_stream))`
	}
	return `INDEXED BY events_stream`
}

// HasEvent is an SQL condition: the log has an event with this partition, position and hash. The
// arguments are placeholders.
func (reader) HasEvent(partition, position, hash string) string {
	return `EXISTS (SELECT 1 FROM events WHERE partition = ` + partition + ` AND position = ` + position + ` AND hash = ` + hash + `)`
}
