package node

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
	"orderflow/eventstore/check"
	"orderflow/handlers/diagnosis"
	"orderflow/handlers/operate"
	"orderflow/projections/cluster"
	"orderflow/projections/verify"
)

const (
	// newAtOnce is about how many new events are checked at a time. A round goes on with the next ones for a part of
	// the time between rounds.
	newAtOnce = 5000
	newPart   = 5
	// farBehind is how many events may wait to be checked.
	farBehind = 100_000
	// walkedAtOnce is how many orders a round looks at of all there are, one after the other, and after the last
	// begins anew: with a round every 15 s, of a million orders each is looked at once in 21 hours.
	walkedAtOnce = 200
	// mostMissing is how many orders are looked at whose message is missing by the survey.
	mostMissing = 100
	// newViews is how many of the orders that have new events are compared with their views.
	newViews = 100
)

// logCodes are what a look at the log finds.
var logCodes = []work.AlarmCode{
	operate.LogDamaged, operate.LogLost, operate.IllegalHistory, operate.OrderStuck, operate.KeysWrong, operate.ViewWrong, operate.CheckBehind,
}

// codeOf is the alarm about a kind of violation. A form that is newer than this program is no reason for one.
var codeOf = map[string]work.AlarmCode{
	check.Hole: operate.LogDamaged, check.Misplaced: operate.LogDamaged, check.Unread: operate.LogDamaged, check.Broken: operate.LogDamaged,
	check.Time: operate.LogDamaged, check.Hidden: operate.LogDamaged, check.Lost: operate.LogLost, check.Illegal: operate.IllegalHistory,
	check.Stuck: operate.OrderStuck, check.Key: operate.KeysWrong,
}

// logWatch is a look at the log: at what is new, at a part of the old, and again at what open alarms are about.
type logWatch struct {
	*watchdog
	now   operate.Now
	notes operate.Notes
	found []operate.Finding
}

func (l *logWatch) look(ctx context.Context, now operate.Now) ([]operate.Finding, error) {
	l.now, l.notes, l.found = now, *now.Notes, nil
	for _, do := range []func(context.Context) error{l.fresh, l.walk, l.again} {
		if err := do(ctx); err != nil {
			return nil, err
		}
	}
	*now.Notes = l.notes
	return l.found, nil
}

// violations makes findings of what a check found.
func (l *logWatch) violations(found []check.Violation) {
	for _, v := range found {
		subject := "order " + v.OrderID
		if v.OrderID == "" {
			subject = fmt.Sprintf("position %d/%d", v.Partition, v.Position)
		}
		if code, known := codeOf[v.Kind]; known {
			l.found = append(l.found, operate.Findingf(code, subject, "%s", v))
		}
	}
}

// fresh checks what was appended since the last round. The first round begins at the end of the log: what was there is for
// the walk.
func (l *logWatch) fresh(ctx context.Context) error {
	heads, err := l.store.Heads(ctx)
	if err != nil {
		return err
	}
	if len(l.notes.Checked) != len(heads) {
		l.notes.Checked = heads
		return nil
	}
	var touched []domain.OrderID
	began := time.Now()
	for more := true; more; more = more && time.Since(began) < l.every/newPart {
		p, err := check.Since(ctx, l.db, l.store, l.notes.Checked, newAtOnce)
		if err != nil {
			return err
		}
		l.notes.Checked, more, touched = p.To, p.More, p.Orders
		l.violations(p.Violations)
	}
	waiting := int64(0)
	for partition, head := range heads {
		waiting += max(0, head-l.notes.Checked[partition])
	}
	if waiting > farBehind {
		l.found = append(l.found, operate.Findingf(operate.CheckBehind, "log", "more than %d events wait to be checked", farBehind))
	}
	return l.views(ctx, touched[max(0, len(touched)-newViews):])
}

// walk checks the next of all orders, and compares their rows with them.
func (l *logWatch) walk(ctx context.Context) error {
	after := l.notes.Walked
	ids, err := l.store.NextStreams(ctx, after, walkedAtOnce)
	if err != nil {
		return err
	}
	end := verify.LastID
	if len(ids) == walkedAtOnce {
		end = ids[len(ids)-1]
	}
	report, err := check.Orders(ctx, l.db, l.store, ids)
	if err != nil {
		return err
	}
	l.violations(report.Violations)
	compared := verify.NewReport()
	if l.notes.Walked, err = verify.Part(ctx, l.db, l.store, after, end, &compared); err != nil {
		return err
	}
	if l.notes.Walked == verify.LastID {
		l.notes.Walked, l.notes.Around = domain.OrderID{}, l.now.At
	}
	return l.views(ctx, differing(compared)) // they are looked at twice
}

// again looks at what open alarms are about, so that they are cleared when it is mended, and at orders whose message is
// missing by the last survey of open orders.
func (l *logWatch) again(ctx context.Context) error {
	listed, err := cluster.NewListing(l.db).Page(ctx, string(diagnosis.MessageMissing), domain.OrderID{}, mostMissing)
	if err != nil {
		return err
	}
	var ids []domain.OrderID
	for _, one := range listed {
		ids = append(ids, one.OrderID)
	}
	for _, a := range l.now.Open {
		kind, rest, _ := strings.Cut(a.Subject, " ")
		switch id, err := domain.ParseOrderID(rest); {
		case kind == "order" && err == nil:
			ids = append(ids, id)
		case kind == "position" && a.Code == operate.LogDamaged:
			if err := l.position(ctx, a, rest); err != nil {
				return err
			}
		}
	}
	report, err := check.Orders(ctx, l.db, l.store, ids)
	if err != nil {
		return err
	}
	l.violations(report.Violations)
	return l.views(ctx, ids)
}

// position looks again for an event that was missing.
func (l *logWatch) position(ctx context.Context, a work.Alarm, at string) error {
	var partition int
	var position int64
	if _, err := fmt.Sscanf(at, "%d/%d", &partition, &position); err != nil {
		return nil //nolint:nilerr // an alarm of another program, which cannot be looked at
	}
	there, err := check.At(ctx, l.db, partition, position)
	if err == nil && !there {
		l.found = append(l.found, operate.Finding{Code: a.Code, Subject: a.Subject, What: a.What})
	}
	return err
}

// views compares the rows of some orders with their events. What it finds it looks at twice.
func (l *logWatch) views(ctx context.Context, ids []domain.OrderID) error {
	var found verify.Report
	for range 2 {
		if len(ids) == 0 {
			return nil
		}
		found = verify.NewReport()
		if err := verify.Orders(ctx, l.db, l.store, ids, &found); err != nil {
			return err
		}
		ids = differing(found)
	}
	for _, d := range found.Samples {
		if !d.OrderID.IsZero() && isView(d) {
			l.found = append(l.found, operate.Findingf(operate.ViewWrong, "order "+d.OrderID.String(), "%s %s: the view says %q, the events say %q", d.Kind, d.Field, d.Stored, d.Expected))
		}
	}
	return nil
}

// isView says whether a difference is one of the view. Events that cannot be read or folded are found by check.
func isView(d verify.Difference) bool {
	return d.Kind != verify.KindEvents && d.Kind != verify.KindNewer
}

// differing are the orders whose views differ.
func differing(r verify.Report) (ids []domain.OrderID) {
	for _, d := range r.Samples {
		if isView(d) && !d.OrderID.IsZero() && (len(ids) == 0 || ids[len(ids)-1] != d.OrderID) {
			ids = append(ids, d.OrderID)
		}
	}
	return ids
}
