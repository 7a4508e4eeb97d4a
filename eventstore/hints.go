package eventstore

import "orderflow/schema"

// ThroughTable has a statement read events through the table itself; it goes after the table's name.
func ThroughTable(d schema.Dialect) string {
	if d.Name() == "sqlserver" {
		return `WITH (INDEX(events_pk))`
	}
	return `NOT INDEXED`
}

// ThroughStreams has a statement read events through the index of streams.
func ThroughStreams(d schema.Dialect) string {
	if d.Name() == "sqlserver" {
		return `WITH (INDEX(events_stream))`
	}
	return `INDEXED BY events_stream`
}

// HasEvent is the condition of a statement that the log has an event at a place, with its hash: the
// placeholders of partition, position and hash.
func (reader) HasEvent(partition, position, hash string) string {
	return `EXISTS (SELECT 1 FROM events WHERE partition = ` + partition + ` AND position = ` + position + ` AND hash = ` + hash + `)`
}
