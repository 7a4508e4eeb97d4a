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
	lockOffset   string   // ?1 group, ?2 topic, ?3 partition, ?4 node, ?5 epoch
	readNew      string   // ?1 group, ?2 topic, ?3 partition, ?4 last position; gives as many as there are slots
	readReturned string   // ?1 group, ?2 topic, ?3 most
}

// hints are SQL Server's, and empty elsewhere. They only spare waiting: a row that is
// locked is passed over, since somebody is at work on it, and found by the next look.
// Nothing is wrong where they are ignored. READCOMMITTEDLOCK is there because READPAST
// alone is refused when READ_COMMITTED_SNAPSHOT is on (Transact-SQL reference, Table
// Hints).
type hints struct{ read, update string }

func hintsOf(d schema.Dialect) hints {
	if d.Name() != "sqlserver" {
		return hints{}
	}
	return hints{read: ` WITH (READPAST, READCOMMITTEDLOCK)`, update: ` WITH (ROWLOCK, READPAST, READCOMMITTEDLOCK)`}
}

// once is the time, read once for a statement of many rows. Each reading has SQLite call back into this
// program.
func once(d schema.Dialect) string { return `(SELECT ` + d.Now() + `)` }

// abandoned are the in-flight rows that may be claimed: given back and due, or of a
// registration that has expired. Both parts are served by the index inflight_node; CROSS
// JOIN has SQLite go from the registrations to the rows, and not through all rows in flight.
func abandoned(d schema.Dialect, columns, condition string) string {
	h := hintsOf(d)
	return `SELECT ` + columns + ` FROM inflight i` + h.read + ` WHERE i.node = '' AND i.epoch = 0 AND i.consumer_group = ?1 AND ` + condition + `
			AND i.available_at <= ` + once(d) + `
		UNION ALL
		SELECT ` + columns + ` FROM nodes n` + h.read + ` CROSS JOIN inflight i` + h.read + `
			WHERE n.expires_at <= ` + once(d) + ` AND i.node = n.node AND i.epoch = n.epoch AND i.consumer_group = ?1 AND ` + condition
}

// makeStatements writes the statements. Topic names are safe to write into SQL, since
// topicName allows nothing that would need quoting.
func makeStatements(d schema.Dialect, topics []string, slots int) statements {
	q := statements{topics: topics}
	if len(topics) == 0 {
		return q
	}
	h := hintsOf(d)
	list := `('` + strings.Join(topics, `', '`) + `')`
	// A message beyond the head is of an event that the log has lost: it is nobody's, and an offset
	// behind it would pass over what is appended next. The head of a partition that somebody appends to is
	// not waited for: the newest message that is committed is taken then, as if there were no head.
	q.look = `SELECT x.topic, x.partition, 0, CASE WHEN x.head < x.newest THEN x.head ELSE x.newest END FROM (
			SELECT o.topic, o.partition, o.position, (SELECT MAX(m.position) FROM outbox m` + h.read + `
				WHERE m.topic = o.topic AND m.partition = o.partition) AS newest,
				(SELECT h.head FROM heads h` + h.read + ` WHERE h.partition = o.partition) AS head
			FROM consumer_offsets o` + h.read + ` WHERE o.consumer_group = ?1 AND o.topic IN ` + list + `) x
			WHERE x.newest > x.position AND (x.head IS NULL OR x.head > x.position)
		UNION ALL
		SELECT DISTINCT a.topic, -1, 1, 0 FROM (` + abandoned(d, `i.topic`, `i.topic IN `+list) + `) a`
	q.lockOffset = `UPDATE consumer_offsets` + h.update + ` SET position = position
		WHERE consumer_group = ?1 AND topic = ?2 AND partition = ?3` + registered(d, `?4`, `?5`)
	// Up to the last position that was visible: beyond it an append may be under way, for
	// which SQL Server would wait if READ_COMMITTED_SNAPSHOT is off. There is no READPAST here: it
	// could pass over a message that becomes visible in between, and the offset with it.
	q.readNew = `SELECT m.position, m.uuid, m.payload, m.metadata FROM outbox m
		WHERE m.topic = ?2 AND m.partition = ?3 AND m.position <= ?4 AND m.position >
			(SELECT o.position FROM consumer_offsets o WHERE o.consumer_group = ?1 AND o.topic = ?2 AND o.partition = ?3)
		ORDER BY m.position ` + d.Limit(strconv.Itoa(slots)) // a placeholder here has SQLite prepare the statement anew each time
	q.readReturned = `SELECT a.partition, a.position, a.first_topic, a.first_position, a.uuid, a.payload, a.metadata, a.node, a.epoch, a.attempt, a.interruptions FROM (` +
		abandoned(d, `i.partition, i.position, i.first_topic, i.first_position, i.uuid, i.payload, i.metadata, i.node, i.epoch,
			i.attempt, i.interruptions`, `i.topic = ?2`) +
		`) a ORDER BY a.interruptions, a.partition, a.position ` + d.Limit("?3")
	return q
}

// collect runs a query and reads each of its rows with scan.
func collect[T any](ctx context.Context, db *schema.DB, scan func(*sql.Rows, *T) error, query string, args ...any) ([]T, error) {
	var all []T
	err := db.Read(ctx, func(rows *sql.Rows) error {
		all = []T{}
		for rows.Next() {
			var one T
			if err := scan(rows, &one); err != nil {
				return err
			}
			all = append(all, one)
		}
		return nil
	}, query, args...)
	return all, err
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
