package inflight

import (
	"time"

	"orderflow/domain/work"
	"orderflow/schema"
)

// fence names the in-flight row of a lease, by the table's key, as long as it is held. The position is that
// of the message in hand: a lease that is passed on begins with the first attempt again, and positions
// within a row only grow, so that it tells the handler of one message from that of the next. Statements use
// ?1 to ?8 for it.
const fence = ` WHERE consumer_group = ?1 AND first_topic = ?2 AND partition = ?3 AND first_position = ?4
	AND node = ?5 AND epoch = ?6 AND attempt = ?7 AND position = ?8`

// fenceArgs has room for those of pass.
func fenceArgs(l work.Lease) []any {
	return append(make([]any, 0, 13), l.Group, l.FirstTopic, l.Partition, l.FirstPosition, l.Node, l.Epoch, l.Attempt, l.Position)
}

// keep locks the row of a lease.
func keep(l work.Lease, tell func(rows int64)) schema.Question {
	return schema.Question{Query: `UPDATE inflight SET attempt = attempt` + fence, Args: fenceArgs(l), Changed: tell}
}

// remove ends a lease whose message has been dealt with.
func remove(l work.Lease, tell func(rows int64)) schema.Question {
	return schema.Question{Query: `DELETE FROM inflight` + fence, Args: fenceArgs(l), Changed: tell}
}

// giveBack makes the message nobody's, to be claimed after a delay.
func giveBack(d schema.Dialect, l work.Lease, delay time.Duration, interruptions int, tell func(rows int64)) schema.Question {
	return schema.Question{Query: `UPDATE inflight SET node = '', epoch = 0, interruptions = interruptions + ?9,
		available_at = ` + d.NowPlus("?10") + fence, Args: append(fenceArgs(l), interruptions, delay.Milliseconds()), Changed: tell}
}

// park moves the in-flight row to the dead letters. The first statement locks the row, so that the others
// find it, or not, as the first did.
func park(d schema.Dialect, l work.Lease, reason string, tell func(rows int64)) []schema.Question {
	return []schema.Question{
		keep(l, tell),
		{Query: `INSERT INTO dead_letters
			(consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, reason, parked_at)
			SELECT consumer_group, topic, partition, position, uuid, payload, metadata, attempt, interruptions, ?9, ` + d.Now() + `
			FROM inflight` + fence, Args: append(fenceArgs(l), reason)},
		remove(l, nil),
	}
}
