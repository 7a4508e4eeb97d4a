package verify

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/stored"
	"orderflow/projections/internal/rows"
)

// comparison is one order's row, if it has one, against its events. The order in which
// they were read makes it sound while the system runs: first the checkpoints, then the
// row, then the events. The row is then at least as new as the checkpoints, and the
// events at least as new as the row.
type comparison struct {
	id     domain.OrderID
	stored *rows.Row // nil: there is none
	order  domain.Order
	atRow  *domain.Order // the fold at the row's version
	first  logPosition   // of the first event that the row does not show
	broken error         // why the events cannot be folded
}

// logPosition is a position in a partition.
type logPosition struct {
	partition int
	position  int64
}

func newComparison(id domain.OrderID, stored *rows.Row) *comparison {
	return &comparison{id: id, stored: stored}
}

// event applies the order's next event.
func (c *comparison) event(r domain.Recorded) {
	if c.broken != nil {
		return
	}
	if c.broken = c.order.Apply(r); c.broken != nil {
		return
	}
	shown := 0
	if c.stored != nil {
		shown = c.stored.Version
	}
	switch r.Version {
	case shown:
		at := c.order
		c.atRow = &at
	case shown + 1:
		c.first = logPosition{r.Partition, r.Position}
	}
}

// outcome is called after the order's last event. It says what is wrong, and whether the row merely
// lags.
func (c *comparison) outcome(checkpoints map[int]rows.Checkpoint) (found []Difference, lagging bool) {
	applied := func() bool { return c.first.position <= checkpoints[c.first.partition].Position }
	behind := c.first != logPosition{}
	switch {
	case errors.Is(c.broken, domain.ErrNewer):
		return c.one(KindNewer, "", "", c.broken.Error()), false
	case c.broken != nil:
		return c.one(KindEvents, "", "", c.broken.Error()), false
	case c.order.Version == 0:
		return c.one(KindSurplus, "", "", ""), false
	case c.stored == nil && applied():
		return c.one(KindMissing, "", "", ""), false
	case c.stored == nil:
		return nil, true
	case c.atRow == nil:
		return c.one(KindDifferent, "version", strconv.Itoa(c.stored.Version), "1 to "+strconv.Itoa(c.order.Version)), false
	}
	found = c.fields()
	if behind && applied() {
		found = append(c.one(KindStale, "version", strconv.Itoa(c.stored.Version), strconv.Itoa(c.order.Version)), found...)
	}
	return found, behind && len(found) == 0
}

func (c *comparison) one(kind, field, stored, expected string) []Difference {
	return []Difference{{Kind: kind, OrderID: c.id, Field: field, Stored: shorten(stored), Expected: shorten(expected)}}
}

// shorten keeps a report readable: a detail may have a megabyte.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}

// fields compares the row, column by column, with the fold at its version.
func (c *comparison) fields() (found []Difference) {
	s, e := *c.stored, rows.Of(*c.atRow)
	differ := func(field, stored, expected string) {
		if stored != expected {
			found = append(found, c.one(KindDifferent, field, stored, expected)...)
		}
	}
	for _, b := range s.Bad {
		found = append(found, c.one(KindDifferent, b.Column, b.Stored, "a time")...)
	}
	differ("status", string(s.Status), string(e.Status))
	differ("current_step", string(s.Step), string(e.Step))
	differ("node", s.Node, e.Node)
	differ("placed_at", timeText(s.Placed), timeText(e.Placed))
	differ("started_at", timeText(s.Started), timeText(e.Started))
	differ("completed_at", timeText(s.Completed), timeText(e.Completed))
	differ("tracking_id", s.Tracking, e.Tracking)
	differ("customer", s.Customer, e.Customer)
	differ("retry_of", s.RetryOf, e.RetryOf)
	differ("request", s.Request, e.Request)
	differ("detail", s.Detail, e.Detail)
	if s.Steps == e.Steps || s.Steps == rows.Sparse(e.Steps) {
		return found
	}
	before := len(found)
	c.steps(s.Steps, differ)
	if len(found) == before { // they cannot be read, or say the same in a way that no program has
		differ("steps", s.Steps, e.Steps)
	}
	return found
}

// steps finds the fields of steps that differ; none if what is stored cannot be read.
func (c *comparison) steps(text string, differ func(field, stored, expected string)) {
	var found rows.States
	if _, err := rows.DecodeSteps(text, &found); err != nil {
		return
	}
	for i, e := range c.atRow.Steps {
		s := found[i]
		name := func(field string) string { return fmt.Sprintf("steps.%s.%s", rows.StepNames[i], field) }
		differ(name("status"), string(s.Status), string(e.Status))
		differ(name("attempt"), strconv.Itoa(s.Attempt), strconv.Itoa(e.Attempt))
		differ(name("node"), s.Node, e.Node)
		differ(name("started_at"), timeText(s.StartedAt), timeText(e.StartedAt))
		differ(name("completed_at"), timeText(s.CompletedAt), timeText(e.CompletedAt))
		differ(name("error"), s.Error, e.Error)
		differ(name("rolled_back_at"), timeText(s.RolledBackAt), timeText(e.RolledBackAt))
	}
}

// timeText is a time as customers see it.
func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return string(stored.AppendTime(nil, t))
}
