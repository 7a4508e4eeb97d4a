package console

import (
	"fmt"
	"strings"
)

// rowsShown bounds the rows of the picture. The last ones are shown.
const rowsShown = 30

// picture is a course as the page draws it.
type picture struct {
	Lines   []ganttLine
	Ticks   []tick
	Left    int    // rows that are left out, the first ones
	Story   string // the course in two sentences
	Shrunk  bool   // an idle stretch is drawn shorter than it was
	Undoing bool   // a compensation is among the rows
	Cut     bool   // an attempt that was interrupted is among them
}

// ganttLine is a row of the picture.
type ganttLine struct {
	attempt
	Same         bool // the row above is of the same step
	Name, Of     string
	Mark         mark
	Drawn        []drawn
	Moment       string // where a request is drawn
	Waited, Busy string
	Told         string
	CutWhy       string
}

func pictureOf(c course) (p picture) {
	if p.Left = len(c.Rows) - rowsShown; p.Left < 0 {
		p.Left = 0
	}
	shown := c.Rows[p.Left:]
	a := axisOf(shown, c.From)
	p.Ticks = a.ticks()
	for _, k := range a.knots {
		p.Shrunk = p.Shrunk || k.shrunk < 1
	}
	for i, r := range shown {
		l := ganttLine{attempt: r, Drawn: a.draw(r), Told: r.told(), Mark: r.mark(), CutWhy: cut(r.Why, mostSaid)}
		l.Same = i > 0 && r.Step != "" && shown[i-1].Step == r.Step && shown[i-1].Undo == r.Undo
		l.Name, l.Of = r.named()
		if !r.At.IsZero() {
			l.Moment, l.Told = percent(a.x(r.At)), strings.TrimPrefix(l.Told+"; asked at "+instant(r.At), "no time; ")
		}
		l.Waited, l.Busy = r.figures()
		p.Undoing, p.Cut = p.Undoing || r.Undo && r.First > 0, p.Cut || r.Outcome == "Interrupted"
		p.Lines = append(p.Lines, l)
	}
	p.Story = c.story()
	return p
}

// mark is how the outcome is shown. An order that is parked no more needs nobody.
func (a attempt) mark() mark {
	switch m := markOf(a.Outcome); {
	case a.Outcome == "Waits":
		return mark{Word: "Waits", Icon: "clock", Tone: "idle"}
	case a.Outcome == "Resumed":
		return mark{Word: "Parked, resumed", Icon: "parked", Tone: "warn"}
	case a.Outcome == "Not reached":
		return mark{Word: "Not reached", Icon: "pending", Tone: "idle"}
	case !a.At.IsZero():
		return mark{Word: a.Outcome, Icon: "cancelled", Tone: "warn"}
	case a.Outcome == "Parked" && !a.Open:
		return m.Plain()
	default:
		return m
	}
}

// named is what the row is about, and which attempt on which node.
func (a attempt) named() (name, of string) {
	name = string(a.Step)
	switch {
	case !a.At.IsZero():
		return "Request", "of an operator"
	case a.Undo:
		name = "Undo " + name
	case a.First == 0 && a.Outcome != "Waits" && a.Outcome != "Not reached":
		return "Parked", "at " + name
	}
	switch {
	case a.First == 0:
		return name, ""
	case a.First < a.Last:
		return name, fmt.Sprintf("attempts %d to %d on %s", a.First, a.Last, a.Node)
	}
	return name, fmt.Sprintf("attempt %d on %s", a.First, a.Node)
}

// figures are how long the row waited, and how long somebody worked.
func (a attempt) figures() (waited, busy string) {
	idle, work := sums(a.Stretches)
	if idle > 0 {
		waited = brief(idle.Seconds())
	}
	switch {
	case len(a.Stretches) == 0 || a.First == 0:
	case a.Undo:
		busy = "≤ " + brief(work.Seconds())
	default:
		busy = brief(work.Seconds())
	}
	return waited, busy
}

// story tells the course.
func (c course) story() string {
	seconds := map[spent]float64{}
	for _, a := range c.Rows {
		for _, s := range a.Stretches {
			seconds[s.With] += s.length().Seconds()
		}
	}
	text := brief(c.To.Sub(c.From).Seconds()) + " since it was placed"
	if c.Order.Status().Ended() {
		text = fmt.Sprintf("%s from placing to the end, %s", brief(c.To.Sub(c.From).Seconds()), c.Order.Status())
	}
	var parts []string
	for _, p := range []struct {
		with spent
		what string
	}{{waited, "waited"}, {ran, "worked"}, {ranFailed, "in attempts that failed"}, {interrupted, "in attempts that were interrupted"}, {undone, "until undone"}, {laidBy, "parked"}} {
		if s := seconds[p.with]; s > 0 {
			parts = append(parts, brief(s)+" "+p.what)
		}
	}
	if len(parts) > 0 {
		text += ": " + strings.Join(parts, ", ")
	}
	return text + "."
}
