package inflight

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/schema"
)

// Unplaced is the partition of messages that no event caused; it has no events.
const Unplaced = -1

// Workers is the consumer group of the workers of all nodes.
const Workers = "workers"

// MaxDelay is the longest time that the database is asked to add to its clock: SQL
// Server adds milliseconds of 32 bits.
const MaxDelay = 24 * 24 * time.Hour

// topicName is what watermill-sql allows too; such names need no quoting in SQL.
var topicName = regexp.MustCompile(`^[A-Za-z0-9\-$:._]{1,100}$`)

// ValidTopic checks the name of a topic or consumer group. The error is of kind domain.ErrInvalid.
func ValidTopic(name string) error {
	if !topicName.MatchString(name) {
		return fmt.Errorf("%w: %.120q is not a name for a topic or group (1 to 100 of A-Z a-z 0-9 - $ : . _)", domain.ErrInvalid, name)
	}
	return nil
}

// registered is a condition: the registration in the two placeholders is good. A node without a good
// registration claims nothing, since its messages would only be taken over and count as interrupted.
func registered(d schema.Dialect, node, epoch string) string {
	return ` AND EXISTS (SELECT 1 FROM nodes n WHERE n.node = ` + node + ` AND n.epoch = ` + epoch + ` AND n.expires_at > ` + d.Now() + `)`
}

// statements are the SQL of a claimer for the topics it serves.
type statements struct {
	topics       []string // the first to be served first
	look         string   // ?1 group; gives topic, partition, returned, last position
	readNew      string   // ?1 group, ?2 topic, ?3 partition, ?4 last position; gives as many as there are slots
	readReturned string   // ?1 group, ?2 most, ?3 interruptions that make a suspect; gives suspects last
}

// rowsOf is a hint for reads that must pass over nothing: their locks are those of rows, so that they wait
// for nothing else on a page.
func rowsOf(d schema.Dialect) string {
	if d.Name() != "sqlserver" {
		return ``
	}
	return ` WITH (ROWLOCK)`
}

// once is the time, read once for a statement of many rows. Each reading has SQLite call back into this
// program.
func once(d schema.Dialect) string { return `(SELECT ` + d.Now() + `)` }

// abandoned are the in-flight rows that may be claimed: given back and due, or of a
// registration that has expired. Both parts are served by the index inflight_node; CROSS
// JOIN has SQLite go from the registrations to the rows, and not through all rows in flight.
func abandoned(d schema.Dialect, columns, topics string) string {
	h := d.SkipLocked()
	return `SELECT ` + columns + ` FROM inflight i` + h + ` WHERE i.node = '' AND i.epoch = 0 AND i.consumer_group = ?1 AND i.topic IN ` + topics + `
			AND i.available_at <= ` + once(d) + `
		UNION ALL
		SELECT ` + columns + ` FROM nodes n` + h + ` CROSS JOIN inflight i` + h + `
			WHERE n.expires_at <= ` + once(d) + ` AND i.node = n.node AND i.epoch = n.epoch AND i.consumer_group = ?1 AND i.topic IN ` + topics
}

// offsets are a group's offsets of topics, with the last position of a message that waits behind each.
func offsets(d schema.Dialect, topics string) string {
	h := d.SkipLocked()
	if d.Name() == "sqlserver" { // MAX could be worked out for the whole table at once, however many messages wait
		return `SELECT o.topic, o.partition, o.position, m.position AS newest FROM consumer_offsets o` + h + `
			CROSS APPLY (SELECT TOP (1) w.position FROM outbox w` + h + `
				WHERE w.topic = o.topic AND w.partition = o.partition AND w.position > o.position ORDER BY w.position DESC) m
			WHERE o.consumer_group = ?1 AND o.topic IN ` + topics
	}
	return `SELECT o.topic, o.partition, o.position, (SELECT MAX(m.position) FROM outbox m
			WHERE m.topic = o.topic AND m.partition = o.partition) AS newest
		FROM consumer_offsets o WHERE o.consumer_group = ?1 AND o.topic IN ` + topics
}

// makeStatements writes the statements. Topic names are safe to write into SQL, since
// topicName allows nothing that would need quoting.
func makeStatements(d schema.Dialect, topics []string, slots int) statements {
	q := statements{topics: topics}
	if len(topics) == 0 {
		return q
	}
	list := `('` + strings.Join(topics, `', '`) + `')`
	// A message beyond the head is of an event that the log has lost: it is nobody's, and an offset
	// behind it would pass over what is appended next. The head of a partition that somebody appends to is
	// not waited for: the newest message that is committed is taken then, as if there were no head.
	q.look = `SELECT y.topic, y.partition, 0, CASE WHEN y.head < y.newest THEN y.head ELSE y.newest END FROM (
			SELECT x.topic, x.partition, x.position, x.newest,
				(SELECT h.head FROM heads h` + d.SkipLocked() + ` WHERE h.partition = x.partition) AS head
			FROM (` + offsets(d, list) + `) x WHERE x.newest > x.position) y
			WHERE y.head IS NULL OR y.head > y.position
		UNION ALL
		SELECT DISTINCT a.topic, -1, 1, 0 FROM (` + abandoned(d, `i.topic`, list) + `) a`
	// Up to the last position that was visible: beyond it an append may be under way, for
	// which SQL Server would wait if READ_COMMITTED_SNAPSHOT is off. No message is passed over here: it
	// could be one that becomes visible in between, and the offset would pass over it too.
	q.readNew = `SELECT o.position, m.position, m.uuid, m.payload, m.metadata FROM consumer_offsets o` + d.SkipLocked() + `
		CROSS JOIN outbox m` + rowsOf(d) + `
		WHERE o.consumer_group = ?1 AND o.topic = ?2 AND o.partition = ?3
			AND m.topic = ?2 AND m.partition = ?3 AND m.position <= ?4 AND m.position > o.position
		ORDER BY m.position ` + d.Limit(strconv.Itoa(slots)) // a placeholder here has SQLite prepare the statement anew each time
	q.readReturned = `SELECT a.topic, a.partition, a.position, a.first_topic, a.first_position, a.uuid, a.payload, a.metadata,
			a.node, a.epoch, a.attempt, a.interruptions FROM (` +
		abandoned(d, `i.topic, i.partition, i.position, i.first_topic, i.first_position, i.uuid, i.payload, i.metadata, i.node, i.epoch,
			i.attempt, i.interruptions`, list) +
		`) a ORDER BY CASE WHEN a.node <> '' AND a.interruptions + 1 >= ?3 THEN 1 ELSE 0 END, ` + inOrder(`a.topic`, topics) + `, a.interruptions, a.partition, a.position ` + d.Limit("?2")
	return q
}

// inOrder is the place of a topic among others.
func inOrder(column string, topics []string) string {
	var b strings.Builder
	b.WriteString(`CASE ` + column)
	for i, topic := range topics {
		b.WriteString(` WHEN '` + topic + `' THEN ` + strconv.Itoa(i))
	}
	return b.String() + ` END`
}

// changed runs a statement that changes one row and says whether it did.
func changed(ctx context.Context, tx *schema.Tx, query string, args ...any) (bool, error) {
	n, err := affected(tx.ExecContext(ctx, query, args...))
	return n > 0, err
}

// affected is how many rows a statement changed.
func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
