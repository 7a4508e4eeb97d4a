package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderflow/domain/work"
	"orderflow/projections/cluster"
)

// page prints the parts of the status, and keeps the first error.
type page struct {
	out *output
	err error
}

// sayf prints a line.
func (p *page) sayf(format string, args ...any) {
	p.err = errors.Join(p.err, p.out.sayf("%s", inOneLine(fmt.Sprintf(format, args...))))
}

// table prints an empty line and a table, unless that has no rows.
func (p *page) table(header string, rows [][]any) {
	if len(rows) > 0 && p.err == nil {
		p.err = errors.Join(p.out.sayf(""), p.out.table(header, rows))
	}
}

// printStatus prints the cluster for people, in 80 columns.
func printStatus(out *output, a cluster.Answer) error {
	p := &page{out: out}
	if len(a.Wrong) == 0 {
		p.sayf("as of %s: nothing is wrong", cell(a.AsOf))
	} else {
		p.sayf("as of %s: SOMETHING IS WRONG", cell(a.AsOf))
	}
	for _, w := range a.Wrong {
		p.sayf("- %s", w)
	}
	for _, x := range a.Alarms {
		if x.State == work.AlarmAcknowledged {
			p.sayf("- alarm %s of %s, acknowledged: %s", x.Alarm, x.Subject, x.What)
		}
	}
	for _, w := range a.Wanted {
		p.sayf("%s is %s since %s, by %s: %s", w.Of, w.What, cell(w.Since), w.Actor, w.Reason)
	}
	p.table("NODE STATE BUSY ROLES HEARTBEAT VERSION", nodeRows(a))
	if a.Queues != nil {
		p.table("QUEUE WAITING OLDEST RETURNED IN_FLIGHT DEAD_LETTERS", queueRows(a.Queues))
		p.table(handHeader(a.Queues), handRows(a.Queues))
	}
	p.table("LAST PLACED DONE DONE/S FAILED CANCELLED PARKED INTERRUPTED TAKEN", periodRows(a))
	if lateRows(a) {
		p.sayf("The rows below the first count only minutes that have ended.")
	}
	p.steps(a)
	p.table("PROJECTION LAG BEHIND TREND POSITION HEAD", projectionRows(a))
	p.rest(a)
	return p.err
}

func nodeRows(a cluster.Answer) (rows [][]any) {
	for _, n := range a.Nodes {
		rows = append(rows, []any{
			shortened(n.Node, 16), n.State, fmt.Sprintf("%d/%d", n.Busy, n.Slots), strings.Join(n.Roles, ","), brief(n.HeartbeatAge) + " ago", shortened(n.Version, 8),
		})
	}
	return rows
}

func queueRows(w *cluster.Waiting) (rows [][]any) {
	for _, q := range w.Topics {
		name, oldest := q.Topic, ""
		if q.Paused {
			name += " (paused)"
		}
		if q.Oldest != nil {
			oldest = brief(*q.Oldest)
		}
		rows = append(rows, []any{name, counted(q.Waiting, q.More), oldest, q.Returned, q.InFlight, counted(q.DeadLetters, q.MoreDeadLetters)})
	}
	return rows
}

// handHeader names the topics.
func handHeader(w *cluster.Waiting) string {
	header := "IN_HAND_OF"
	for _, q := range w.Topics {
		header += " " + strings.ToUpper(strings.TrimSuffix(q.Topic, "-processing"))
	}
	return header
}

// handRows has a row for each node that has something in flight, and a column for each topic.
func handRows(w *cluster.Waiting) (rows [][]any) {
	at := map[string][]any{}
	for _, h := range w.InFlight {
		row := at[h.Node]
		if row == nil {
			row = []any{shortened(h.Node, 16)}
			for range w.Topics {
				row = append(row, int64(0))
			}
			at[h.Node], rows = row, append(rows, row)
		}
		if i := slices.IndexFunc(w.Topics, func(q cluster.TopicQueue) bool { return q.Topic == h.Topic }); i >= 0 {
			row[i+1] = row[i+1].(int64) + h.Count
		}
	}
	return rows
}

func periodRows(a cluster.Answer) (rows [][]any) {
	for _, l := range a.Last {
		rows = append(rows, []any{
			brief(l.Seconds), l.Placed, l.Completed, fmt.Sprintf("%.1f", float64(l.Completed)/l.Seconds), l.Failed, l.Cancelled, l.Parked, l.StepInterrupted, l.TakenOver,
		})
	}
	return rows
}

// lateRows says whether a longer time has less of something than the last minute has.
func lateRows(a cluster.Answer) bool {
	if len(a.Last) == 0 || a.Last[0].Name != cluster.Minute {
		return false
	}
	minute := a.Last[0]
	return slices.ContainsFunc(a.Last[1:], func(l cluster.Period) bool {
		return l.Placed < minute.Placed || l.Completed < minute.Completed || l.Failed < minute.Failed || l.Cancelled < minute.Cancelled ||
			l.Parked < minute.Parked || l.StepInterrupted < minute.StepInterrupted || l.TakenOver < minute.TakenOver
	})
}

// steps prints how long steps waited and ran, in the shortest time that says something of 20 steps or more.
func (p *page) steps(a cluster.Answer) {
	for i, l := range a.Last {
		var rows [][]any
		var of int64
		for _, s := range l.Steps {
			of += s.Run.Count
			rows = append(rows, []any{s.Step, brief(s.Wait.P50), brief(s.Wait.P95), brief(s.Wait.P99), brief(s.Run.P50), brief(s.Run.P95), brief(s.Run.P99)})
		}
		if of >= 20 || of > 0 && i == len(a.Last)-1 {
			p.table(fmt.Sprintf("STEP_(LAST_%s) WAITED_P50 P95 P99 RAN_P50 P95 P99", brief(l.Seconds)), rows)
			return
		}
	}
}

func projectionRows(a cluster.Answer) (rows [][]any) {
	for _, x := range a.Projections {
		rows = append(rows, []any{x.Projection, x.Lag, brief(x.LagSeconds), x.Trend, x.Position, x.Head})
	}
	return rows
}

// rest prints what is in no table.
func (p *page) rest(a cluster.Answer) {
	p.err = errors.Join(p.err, p.out.sayf(""))
	if q := a.Queues; q != nil {
		by := "this command"
		if q.Node != "" {
			by = "node " + q.Node
		}
		p.sayf("queues and projections as of %s, by %s", cell(q.AsOf), by)
	}
	if kept := a.Retention.KeptFrom; !kept.IsZero() {
		p.sayf("messages are kept from %s on", cell(kept))
	}
	if s := a.Storage; s != nil {
		p.sayf("the file has %.1f MB, its write-ahead log %.1f MB", float64(s.Bytes)/1e6, float64(s.WAL)/1e6)
	}
}

// counted is a figure that was counted up to a bound.
func counted(n int64, more bool) string {
	text := fmt.Sprint(n)
	if more {
		text += "+"
	}
	return text
}

// brief is a time in at most two units.
func brief(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2gs", d.Round(10*time.Millisecond).Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		return strings.TrimSuffix(fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60), "00s")
	}
	return strings.TrimSuffix(fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60), "00m")
}

// shortened is a name of at most so many characters.
func shortened(name string, most int) string {
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
