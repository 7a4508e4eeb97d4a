package console

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
)

// t0 is when orders of these tests are placed.
var t0 = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func after(seconds float64) time.Time { return t0.Add(time.Duration(seconds * float64(time.Second))) }

// happened is an event so many seconds after t0.
type happened struct {
	after float64
	event domain.Event
}

func anID() domain.OrderID {
	id, err := domain.ParseOrderID("01890a5d-ac96-774b-bcce-b302099a8057")
	if err != nil {
		panic(err)
	}
	return id
}

// history is a stream of events.
func history(all ...happened) (events []domain.Recorded) {
	for i, h := range all {
		stored, err := domain.Encode(domain.EventLevel, h.event)
		if err != nil {
			panic(err)
		}
		meta := domain.Metadata{Schema: stored.Schema, Actor: "worker", Node: "n"}
		events = append(events, domain.Recorded{
			OrderID: anID(), Version: i + 1, Position: int64(100 + i), Type: domain.TypeOf(h.event), Event: h.event, Metadata: meta,
			Data: stored.Data, RawMeta: domain.EncodeMetadata(meta), RecordedAt: after(h.after), Hash: []byte{1},
		})
	}
	return events
}

const (
	s1, s2, s3, s4 = domain.Scheduling, domain.PreProcessing, domain.Processing, domain.PostProcessing
)

func start(s float64, step domain.Step, n int, node string) happened {
	return happened{s, domain.StepStarted{Step: step, Attempt: n, Node: node}}
}

func done(s float64, step domain.Step, n int, node string) happened {
	return happened{s, domain.StepCompleted{Step: step, Attempt: n, Node: node}}
}

func stopped(s float64, n int, node, why string) happened {
	return happened{s, domain.StepInterrupted{Step: s1, Attempt: n, Node: node, Reason: why}}
}

func undo(s float64, step domain.Step, n int, node string) happened {
	return happened{s, domain.StepRolledBack{Step: step, Attempt: n, Node: node}}
}

// written are the rows of a course, in lines.
func written(c course) string {
	var b strings.Builder
	for _, r := range c.Rows {
		name, of := r.named()
		fmt.Fprintf(&b, "%s", strings.TrimSpace(name+" "+of))
		for _, s := range r.Stretches {
			fmt.Fprintf(&b, " [%s %g-%g]", s.With, s.From.Sub(t0).Seconds(), s.To.Sub(t0).Seconds())
		}
		fmt.Fprintf(&b, " %s", r.Outcome)
		if r.Open {
			b.WriteString(", lasts")
		}
		if r.Why != "" {
			fmt.Fprintf(&b, " (%s)", r.Why)
		}
		b.WriteString("\n")
	}
	return b.String()
}

var placed = happened{0, domain.OrderPlaced{TrackingID: "B2B-1"}}

// courses are whole histories, and the rows that they make 100 s after the order was placed.
var courses = map[string]struct {
	events []happened
	rows   string
}{
	"just placed": {[]happened{placed}, `
Scheduling [wait 0-100] Waits, lasts
PreProcessing Not reached
Processing Not reached
PostProcessing Not reached
`},
	"completed": {[]happened{
		placed, start(1, s1, 1, "a"), done(3, s1, 1, "a"), start(3.5, s2, 1, "b"), done(5, s2, 1, "b"), start(5, s3, 1, "b"), done(6, s3, 1, "b"),
		start(7, s4, 1, "a"), done(9, s4, 1, "a"), {9, domain.OrderCompleted{}},
	}, `
Scheduling attempt 1 on a [wait 0-1] [run 1-3] Completed
PreProcessing attempt 1 on b [wait 3-3.5] [run 3.5-5] Completed
Processing attempt 1 on b [run 5-6] Completed
PostProcessing attempt 1 on a [wait 6-7] [run 7-9] Completed
`},
	"failed and rolled back": {[]happened{
		placed, start(1, s1, 1, "a"), done(2, s1, 1, "a"), start(3, s2, 1, "b"), {4, domain.StepFailed{Step: s2, Attempt: 1, Node: "b", Error: "no steel"}},
		undo(6, s2, 1, "c"), undo(7, s1, 1, "c"), {7, domain.OrderFailed{Step: s2, Reason: "no steel"}},
	}, `
Scheduling attempt 1 on a [wait 0-1] [run 1-2] Completed
PreProcessing attempt 1 on b [wait 2-3] [bad 3-4] Failed (no steel)
Undo PreProcessing attempt 1 on c [undo 4-6] RolledBack
Undo Scheduling attempt 1 on c [undo 6-7] RolledBack
Processing Not reached
PostProcessing Not reached
`},
	"interrupted and taken over": {[]happened{
		placed, start(1, s1, 1, "a"), stopped(11, 1, "a", "its lease expired"), start(12, s1, 2, "b"),
	}, `
Scheduling attempt 1 on a [wait 0-1] [lost 1-11] Interrupted (its lease expired)
Scheduling attempt 2 on b [wait 11-12] [run 12-100] Running, lasts
PreProcessing Not reached
Processing Not reached
PostProcessing Not reached
`},
	"interrupted alike, parked": {[]happened{
		placed, start(1, s1, 1, "a"), stopped(2, 1, "a", "timed out"), start(4, s1, 2, "a"), stopped(5, 2, "a", "timed out"),
		start(8, s1, 4, "b"), stopped(9, 4, "b", "timed out"), {9, domain.OrderParked{Step: s1, Reason: "3 interruptions"}},
	}, `
Scheduling attempts 1 to 2 on a [wait 0-1] [lost 1-2] [wait 2-4] [lost 4-5] Interrupted (timed out)
Scheduling attempt 4 on b [wait 5-8] [lost 8-9] Interrupted (timed out)
Parked at Scheduling [parked 9-100] Parked, lasts (3 interruptions)
PreProcessing Not reached
Processing Not reached
PostProcessing Not reached
`},
	"parked and resumed": {[]happened{
		placed, start(1, s1, 1, "a"), stopped(2, 1, "a", "timed out"), {3, domain.OrderParked{Step: s1, Reason: "too often"}},
		{50, domain.OrderResumed{Reason: "mended"}}, start(51, s1, 2, "a"), done(52, s1, 2, "a"),
	}, `
Scheduling attempt 1 on a [wait 0-1] [lost 1-2] Interrupted (timed out)
Parked at Scheduling [wait 2-3] [parked 3-50] Resumed (too often; resumed: mended)
Scheduling attempt 2 on a [wait 50-51] [run 51-52] Completed
PreProcessing [wait 52-100] Waits, lasts
Processing Not reached
PostProcessing Not reached
`},
	"parked and failed by an operator": {[]happened{
		placed, start(1, s1, 1, "a"), stopped(2, 1, "a", "timed out"), {2, domain.OrderParked{Step: s1, Reason: "too often"}},
		{30, domain.OrderFailRequested{Reason: "give up"}},
	}, `
Scheduling attempt 1 on a [wait 0-1] [lost 1-2] Interrupted (timed out)
Parked at Scheduling [parked 2-30] Parked (too often)
Request of an operator Fail requested (give up)
Undo Scheduling [wait 30-100] Waits, lasts
PreProcessing Not reached
Processing Not reached
PostProcessing Not reached
`},
	"cancelled now": {[]happened{
		placed, start(1, s1, 1, "a"), {3, domain.OrderCancelRequested{Reason: "fire", Now: true}}, stopped(4, 1, "a", "cut short"),
		undo(5, s1, 1, "b"), {5, domain.OrderCancelled{Reason: "fire"}},
	}, `
Scheduling attempt 1 on a [wait 0-1] [lost 1-4] Interrupted (cut short)
Request of an operator Cancel requested now (fire)
Undo Scheduling attempt 1 on b [undo 4-5] RolledBack
PreProcessing Not reached
Processing Not reached
PostProcessing Not reached
`},
	"cancelled before it began": {[]happened{placed, {2, domain.OrderCancelRequested{Reason: "late"}}, {2, domain.OrderCancelled{Reason: "late"}}}, `
Request of an operator [wait 0-2] Cancel requested (late)
Scheduling Not reached
PreProcessing Not reached
Processing Not reached
PostProcessing Not reached
`},
	"a new try of an order": {[]happened{{0, domain.OrderPlaced{RetryOf: anID()}}, start(1, s1, 1, "a"), done(2, s1, 1, "a")}, `
Scheduling attempt 1 on a [wait 0-1] [run 1-2] Completed
PreProcessing [wait 2-100] Waits, lasts
Processing Not reached
PostProcessing Not reached
`},
}

func TestCourseOf(t *testing.T) {
	for name, c := range courses {
		t.Run(name, func(t *testing.T) {
			made, err := courseOf(history(c.events...), after(100))
			if err != nil {
				t.Fatal(err)
			}
			if got := "\n" + written(made); got != c.rows {
				t.Errorf("got%swant%s", got, c.rows)
			}
			end := made.From
			for _, r := range made.Rows {
				for _, s := range r.Stretches {
					if !s.From.Equal(end) || s.To.Before(s.From) {
						t.Errorf("a stretch goes from %s to %s, after %s", s.From, s.To, end)
					}
					end = s.To
				}
			}
			if !end.Equal(made.To) {
				t.Errorf("stretches go to %s, the course to %s", end, made.To)
			}
		})
	}
}

func TestCourseOf_clock(t *testing.T) {
	c, err := courseOf(history(placed, start(5, s1, 1, "a")), after(2))
	if got := c.Rows[0].Stretches; err != nil || len(got) != 2 || got[1].length() != 0 {
		t.Errorf("by a clock that is behind: %v, %v", got, err)
	}
}

func TestAxis(t *testing.T) {
	a := axisOf(mustCourse(t, placed, start(1, s1, 1, "a"), done(3, s1, 1, "a"), start(4, s2, 1, "a")).Rows, t0)
	if got := a.x(after(50)); got != 50 {
		t.Errorf("half of the time is drawn at %g", got)
	}
	// A day between two seconds of work leaves room for them.
	day := 24 * 3600.0
	rows := mustCourse(t, placed, start(0, s1, 1, "a"), done(2, s1, 1, "a"), start(day, s2, 1, "a"), done(day+2, s2, 1, "a"), start(day+2, s3, 1, "a"), done(day+4, s3, 1, "a"), start(day+4, s4, 1, "a"), done(day+4, s4, 1, "a"), happened{day + 4, domain.OrderCompleted{}}).Rows
	a = axisOf(rows, t0)
	if w := a.x(after(2)); w < 10 || w > 20 {
		t.Errorf("two seconds of six have %g per cent", w)
	}
	var cuts []string
	for _, k := range a.ticks() {
		if k.Cut {
			cuts = append(cuts, k.Label)
		}
	}
	if fmt.Sprint(cuts) != "[24 h]" {
		t.Errorf("ticks after a break: %v of %v", cuts, a.ticks())
	}
	if d := a.draw(rows[1]); d[0].Mid == "" || d[1].Mid != "" {
		t.Errorf("drawn as %+v", d)
	}
}

func mustCourse(t *testing.T, all ...happened) course {
	t.Helper()
	c, err := courseOf(history(all...), after(100))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAxis_ticks: lines are apart, and each course has a few.
func TestAxis_ticks(t *testing.T) {
	for _, seconds := range []float64{0, 1e-6, 0.003, 0.7, 1, 9, 59, 61, 700, 4000, 90000, 5e6, 4e8} {
		c, err := courseOf(history(placed), after(seconds))
		if err != nil {
			t.Fatal(err)
		}
		ticks := axisOf(c.Rows, t0).ticks()
		if n := len(ticks); n > 12 || n < 3 && seconds > 1e-5 {
			t.Errorf("%g s have %d lines: %v", seconds, n, ticks)
		}
	}
}
