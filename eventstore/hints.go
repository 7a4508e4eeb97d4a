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

// Ends is SQL for a FROM clause: a table of partition and head, the last position of the partition. With
// passing, SQL Server leaves out the partitions to whose ends somebody is just appending.
func (s reader) Ends(passing bool) string {
	hint := ``
	if passing {
		hint = s.db.Dialect().SkipLocked()
	}
	return `(SELECT partition, head FROM heads` + hint + ` WHERE partition >= 0)`
}

// seek is a hint for a statement that names streams, or keys: look each up in the index. SQL Server may
// plan to read the whole table while that is young, and keep the plan when the table has grown.
func seek(d schema.Dialect) string {
	if d.Name() == "sqlserver" {
		return ` WITH (FORCESEEK)`
	}
	return ``
}

// HasEvent is an SQL condition: the log has an event with this partition, position and hash. The
// arguments are placeholders.
func (reader) HasEvent(partition, position, hash string) string {
	return `EXISTS (SELECT 1 FROM events WHERE partition = ` + partition + ` AND position = ` + position + ` AND hash = ` + hash + `)`
}
