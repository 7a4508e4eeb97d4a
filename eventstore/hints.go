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
