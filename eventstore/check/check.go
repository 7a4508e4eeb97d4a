package check

import (
	"context"
	"errors"
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
	Illegal    = "illegal"    // an event that the rules forbid at its place
	Stuck      = "stuck"      // an order that has not ended and that nobody will work on
	View       = "view"       // a view that contradicts the events
	Hidden     = "hidden"     // a row that an index leads to, or that the table has, and the other not
	Damaged    = "damaged"    // what the database's own integrity check says
	BeyondHead = "beyond"     // a row that names a place beyond the head of its partition
	Key        = "key"        // a reservation and its order do not agree, or one is without the other
	Orphan     = "orphan"     // a message in flight or dead letter whose order is not in the log
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

// Options are what to check, and how.
type Options struct {
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

// Report is what was found.
type Report struct {
	Events     int64 `json:"events"`
	Orders     int64 `json:"orders"`
	OnTheirWay int64 `json:"on_their_way"`
	Keys       int64 `json:"keys"` // reservations of tracking ids and idempotency keys
	// KeysUnproven are those of which no event says what the key was: idempotency keys of orders whose
	// first event is in its first form. That their orders are there, with the same content, has been
	// checked.
	KeysUnproven int64            `json:"keys_unproven"`
	Found        map[string]int64 `json:"found"` // violations by kind
	Violations   []Violation      `json:"violations"`
	Took         time.Duration    `json:"took_ns"`
}

// Clean says that nothing was found.
func (r Report) Clean() bool { return len(r.Found) == 0 }

// run is one check.
type run struct {
	db     *schema.DB
	store  *eventstore.Store
	opts   Options
	report Report
	heads  []int64 // when the check began
	// What was read of each partition, up to these heads.
	throughTable, throughIndex []tally

	due []key // of orders, whose reservations are looked for next
}

// Run checks the whole store. What it finds is in the report; an error means that it
// could not look.
func Run(ctx context.Context, db *schema.DB, store *eventstore.Store, o Options) (Report, error) {
	if o.Keep <= 0 {
		o.Keep = 1000
	}
	if o.Page <= 0 {
		o.Page = 1000
	}
	began := time.Now()
	c := &run{db: db, store: store, opts: o, report: Report{Found: map[string]int64{}, Violations: []Violation{}}}
	err := c.all(ctx)
	c.report.Took = time.Since(began)
	return c.report, err
}

func (c *run) all(ctx context.Context) error {
	unseen := c.schema(ctx)
	if c.opts.Deep {
		if err := c.deep(ctx); err != nil {
			return unreadable(err)
		}
	}
	return errors.Join(unreadable(c.contents(ctx)), unseen)
}

// unreadable says of an error that is not about the database being away, nor about a statement, but about
// what the database gave: that it is damaged.
func unreadable(err error) error {
	for _, known := range []error{nil, schema.ErrUnavailable, schema.ErrTransient, schema.ErrStatement, domain.ErrUnavailable, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: what is stored cannot be read: %w", schema.ErrDamaged, err)
}

// schema compares the tables, indexes and triggers with what the migrations made.
func (c *run) schema(ctx context.Context) error {
	found, err := c.db.Deviations(ctx)
	if errors.Is(err, schema.ErrNewerSchema) {
		c.violation(Violation{Kind: Newer, Partition: -1, What: fmt.Sprintf("the tables, indexes and triggers cannot be compared: %v", err)})
		return nil
	}
	for _, d := range found {
		c.violation(Violation{Kind: Schema, Partition: -1, What: d.String()})
	}
	return err
}

func (c *run) contents(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.positions, c.histories, c.bothWays, c.orderIndexes, c.findKeys, c.reservations, c.beyond, c.orphans} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if c.opts.Views == nil {
		return nil
	}
	found, err := c.opts.Views(ctx)
	if err != nil {
		return fmt.Errorf("compare the views with the events: %w", err)
	}
	for _, v := range found {
		v.Kind = View
		c.violation(v)
	}
	return nil
}

func (c *run) violation(v Violation) {
	c.report.Found[v.Kind]++
	if len(c.report.Violations) < c.opts.Keep {
		c.report.Violations = append(c.report.Violations, v)
	}
}

// atf is a violation of an event.
func (c *run) atf(kind string, r domain.Recorded, format string, args ...any) {
	c.violation(Violation{
		Kind: kind, OrderID: r.OrderID.String(), Partition: r.Partition, Position: r.Position, Version: r.Version,
		What: fmt.Sprintf(format, args...),
	})
}

func (c *run) progress() {
	if c.opts.Progress != nil {
		c.opts.Progress(c.report)
	}
}
