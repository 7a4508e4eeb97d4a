package check

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/eventstore"
	"orderflow/schema"
)

// The kinds of violation.
const (
	Hole       = "hole"       // a position or version is missing, or there twice
	Misplaced  = "misplaced"  // an event lies in another order's partition, or out of order
	Unread     = "unreadable" // stored bytes that cannot be decoded
	Newer      = "newer"      // unreadable to this program, since a newer one wrote it: it may be right
	Broken     = "hash"       // an event or its predecessor is not what was recorded
	Time       = "time"       // time runs backwards
	Illegal    = "illegal"    // an event that the rules forbid at this point of its history
	Stuck      = "stuck"      // an order that has not ended and that nobody will work on
	View       = "view"       // a view that contradicts the events
	Hidden     = "hidden"     // a row that only the table has, or only one of its indexes
	Damaged    = "damaged"    // what the database's own integrity check says
	BeyondHead = "beyond"     // a row that names a place beyond the head of its partition
	Key        = "key"        // a reservation that contradicts its order, or one of the two without the other
	Orphan     = "orphan"     // a message in flight or dead letter whose order is not in the log
	Lost       = "lost"       // events at the end of the log that were checked before are not there any more
	Schema     = "schema"     // a table, index or trigger that is not as the migrations made it
)

// Violation is one thing that should not be.
type Violation struct {
	Kind      string `json:"kind"`
	OrderID   string `json:"order_id,omitempty"`
	Partition int    `json:"partition"`
	Position  int64  `json:"position,omitempty"`
	Version   int    `json:"version,omitempty"`
	What      string `json:"what"`
}

func (v Violation) String() string {
	if v.Kind == Schema || v.OrderID == "" && v.Partition < 0 {
		return v.Kind + ": " + v.What
	}
	where := fmt.Sprintf("partition %d", v.Partition)
	if v.Position > 0 {
		where += fmt.Sprintf(", position %d", v.Position)
	}
	if v.OrderID != "" {
		where = fmt.Sprintf("order %s", v.OrderID)
		if v.Version > 0 {
			where += fmt.Sprintf(", event %d (partition %d, position %d)", v.Version, v.Partition, v.Position)
		}
	}
	return v.Kind + ": " + where + ": " + v.What
}

// Config says what to check, and how.
type Config struct {
	// Views compares the views with the events; nil leaves them out.
	Views func(ctx context.Context) ([]Violation, error)
	// Deep adds the database's own integrity check, where a statement can ask for it (SQLite).
	Deep bool
	// Progress is called now and then with the numbers so far. Optional.
	Progress func(Report)
	// Keep bounds the violations that are reported one by one; 1,000 by default. All are
	// counted.
	Keep int
	// Page is how many events are read at once; 1,000 by default.
	Page int

	missed  func() // for tests: a message was found nowhere
	indexed func() // for tests: the names of the indexes have been read
}

// Report is the result of a check.
type Report struct {
	Events     int64 `json:"events"`
	Orders     int64 `json:"orders"`
	OnTheirWay int64 `json:"on_their_way"`
	Keys       int64 `json:"keys"` // reservations of tracking ids and idempotency keys
	// KeysUnproven counts the reservations whose key stands in no event: idempotency keys of orders whose
	// first event is in the first form of OrderPlaced. It was checked that their orders are in the log and
	// have the same content.
	KeysUnproven int64            `json:"keys_unproven"`
	Found        map[string]int64 `json:"found"` // violations by kind
	Violations   []Violation      `json:"violations"`
	Took         time.Duration    `json:"took_ns"`
}

// Clean says that nothing was found.
func (r Report) Clean() bool { return len(r.Found) == 0 }

// look is a check under way: what it reads from, and its report so far.
type look struct {
	db     *schema.DB
	store  *eventstore.Store
	conf   Config
	report Report
}

func newLook(db *schema.DB, store *eventstore.Store, c Config) *look {
	c.Keep, c.Page = cmp.Or(max(c.Keep, 0), 1000), cmp.Or(max(c.Page, 0), 1000)
	return &look{db: db, store: store, conf: c, report: Report{Found: map[string]int64{}, Violations: []Violation{}}}
}

// found reports a violation.
func (l *look) found(v Violation) {
	l.report.Found[v.Kind]++
	if len(l.report.Violations) < l.conf.Keep {
		l.report.Violations = append(l.report.Violations, v)
	}
}

// foundAtf reports a violation of an event.
func (l *look) foundAtf(kind string, r domain.Recorded, format string, args ...any) {
	l.found(Violation{
		Kind: kind, OrderID: r.OrderID.String(), Partition: r.Partition, Position: r.Position, Version: r.Version,
		What: fmt.Sprintf(format, args...),
	})
}

func (l *look) progress() {
	if l.conf.Progress != nil {
		l.conf.Progress(l.report)
	}
}

// count gives the number that a query counts.
func (l *look) count(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = l.db.QueryRowContext(ctx, query, args...).Scan(&n)
	return n, l.db.Translate(err)
}
