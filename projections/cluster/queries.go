package cluster

import (
	"strconv"
	"strings"

	"orderflow/schema"
)

// first is SQL for a table that has the first rows of a question only, Most + 1 of them. The question begins behind its
// SELECT.
func first(d schema.Dialect, rest string) string {
	n := strconv.Itoa(Most + 1)
	if d.Name() == "sqlserver" {
		return `(SELECT TOP (` + n + `) ` + rest + `)`
	}
	return `(SELECT ` + rest + ` LIMIT ` + n + `)`
}

// seek is a hint, after the name of a table: search, and pass over what is locked, which a later look finds.
func seek(d schema.Dialect) string {
	if d.Name() != "sqlserver" {
		return ``
	}
	return ` WITH (FORCESEEK, ROWLOCK, READPAST, READCOMMITTEDLOCK)`
}

// waitingQuery asks for each topic how many messages wait behind the offsets and since when, how many dead letters there
// are, and from when the oldest message is that is kept. ?1 is the group.
func waitingQuery(d schema.Dialect) string {
	const offsets = ` FROM consumer_offsets o`
	var parts []string
	for _, topic := range topics() {
		of := ` WHERE o.consumer_group = ?1 AND o.topic = '` + topic + `'`
		message := func(behind string) string {
			return `(SELECT m.created_at FROM outbox m` + seek(d) + ` WHERE m.topic = '` + topic + `' AND m.partition = o.partition` + behind +
				` ORDER BY m.position ` + d.Limit("1") + `)`
		}
		earliest := func(behind string) string {
			return `(SELECT MIN(x.at) FROM (SELECT ` + message(behind) + ` AS at` + offsets + of + `) x)`
		}
		const behind = ` AND m.position > o.position`
		parts = append(parts, `SELECT '`+topic+`' AS topic,
			(SELECT COUNT(*) FROM `+first(d, `m.position`+offsets+` CROSS JOIN outbox m`+seek(d)+of+` AND m.topic = '`+topic+`' AND m.partition = o.partition`+behind)+` w) AS waiting,
			`+earliest(behind)+` AS oldest,
			(SELECT COUNT(*) FROM `+first(d, `l.position FROM dead_letters l WHERE l.consumer_group = ?1 AND l.topic = '`+topic+`'`)+` w) AS dead,
			`+earliest(``)+` AS kept, `+d.Now()+` AS now_at`)
	}
	return strings.Join(parts, "\nUNION ALL ")
}

// inFlightQuery counts by topic and registration what is in flight; the empty name is nobody's. ?1 is the group.
func inFlightQuery(d schema.Dialect) string {
	return `SELECT w.topic, w.node, w.epoch, COUNT(*) FROM ` +
		first(d, `i.topic, i.node, i.epoch FROM inflight i`+d.SkipLocked()+` WHERE i.consumer_group = ?1`) + ` w
		GROUP BY w.topic, w.node, w.epoch ORDER BY w.topic, w.node, w.epoch`
}

// checkpointsQuery asks for each partition how far the projections are, and when the first event was stored that is not
// applied. Partition -1 is no part of the log.
func checkpointsQuery(d schema.Dialect) string {
	return `SELECT c.projection, c.partition, c.position, h.head,
			(SELECT e.recorded_at FROM events e` + seek(d) + ` WHERE e.partition = c.partition AND e.position = c.position + 1)
		FROM checkpoints c JOIN heads h ON h.partition = c.partition WHERE c.partition >= 0 ORDER BY c.projection, c.partition`
}
