package console

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// axis says where a time is in the picture. An idle stretch that would leave no room for the rest is drawn shorter.
type axis struct {
	placed time.Time // from when its lines count
	knots  []knot
	end    float64 // in seconds as drawn
}

// knot is where a stretch begins.
type knot struct {
	at     time.Time
	drawn  float64 // seconds before it
	shrunk float64 // of what it was, the stretch is drawn so long: 1 if it is drawn as long as it was
}

// mostIdle is how many times as long as all work together an idle stretch is drawn as long as it was. A longer one is
// drawn shortTo times as long as the work.
const (
	mostIdle = 20
	shortTo  = 1.5
)

func axisOf(rows []attempt, placed time.Time) axis {
	a := axis{placed: placed}
	var work time.Duration
	for _, r := range rows {
		_, busy := sums(r.Stretches)
		work += busy
	}
	for _, r := range rows {
		for _, s := range r.Stretches {
			k := knot{at: s.From, drawn: a.end, shrunk: 1}
			if limit := work * mostIdle; s.idle() && work > 0 && s.length() > limit {
				k.shrunk = shortTo * work.Seconds() / s.length().Seconds()
			}
			a.knots = append(a.knots, k)
			a.end += s.length().Seconds() * k.shrunk
		}
	}
	return a
}

// x is the place of a time, from 0 to 100.
func (a axis) x(t time.Time) float64 {
	x := 0.0
	for _, k := range a.knots {
		if t.Before(k.at) {
			break
		}
		x = k.drawn + t.Sub(k.at).Seconds()*k.shrunk
	}
	if a.end <= 0 {
		return 0
	}
	return min(100, 100*x/a.end)
}

// tick is a line of the picture.
type tick struct {
	X      string
	Label  string
	Anchor string // start, middle or end
	Minor  bool   // its label goes where there is no room
	Cut    bool   // what is before it is drawn shorter
}

// ticks are the lines at whole numbers since the order was placed, and after a stretch that is drawn shorter since its end.
func (a axis) ticks() (all []tick) {
	if a.end <= 0 {
		return []tick{{X: "0%", Label: "0", Anchor: "start"}}
	}
	step, origin, from := roundStep(a.end/6), a.knots[0].at, 0
	for i, k := range a.knots {
		if k.shrunk == 1 && i < len(a.knots)-1 {
			continue
		}
		until := k.drawn
		if k.shrunk == 1 {
			until = a.end
		}
		all = a.part(all, origin, a.knots[from].drawn, until, step)
		if k.shrunk < 1 && i < len(a.knots)-1 {
			origin, from = a.knots[i+1].at, i+1
		}
	}
	return all
}

// part adds the lines of a part that is drawn as long as it was.
func (a axis) part(all []tick, origin time.Time, from, until, step float64) []tick {
	since := origin.Sub(a.placed).Seconds()
	for n := 0; from+float64(n)*step <= until+step/1000; n++ {
		x := 100 * (from + float64(n)*step) / a.end
		t := tick{X: percent(x), Label: span(float64(n) * step), Anchor: "middle", Minor: n%2 == 1}
		switch {
		case n == 0 && since > 0:
			t.Label, t.Cut = span(since), true
		case since > 0:
			t.Label, t.Minor = "+"+t.Label, true
		}
		if x == 0 {
			t.Anchor = "start"
		}
		apart := 10.0 // per cent
		if x > 94 {
			t.Anchor, apart = "end", 16
		}
		if last := len(all) - 1; last >= 0 && place100(all[last].X)+apart > x {
			if !t.Cut {
				continue
			}
			all[last].Label = ""
		}
		all = append(all, t)
	}
	return all
}

func place100(percent string) float64 {
	x, _ := strconv.ParseFloat(percent[:len(percent)-1], 64) // percent made it
	return x
}

func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "%" }

// roundStep is a round number of seconds at or above one.
func roundStep(seconds float64) float64 {
	for _, round := range []float64{60, 120, 300, 600, 1200, 1800, 3600, 7200, 4 * 3600, 6 * 3600, 12 * 3600, 24 * 3600} {
		if seconds > 30 && seconds <= round {
			return round
		}
	}
	unit := 1.0
	if seconds > 24*3600 {
		unit = 24 * 3600
	}
	power := math.Pow(10, math.Floor(math.Log10(max(seconds/unit, 1e-6))))
	for _, m := range []float64{1, 2, 5} {
		if seconds <= m*power*unit*1.0001 {
			return m * power * unit
		}
	}
	return 10 * power * unit
}

// span is a number of seconds for an axis.
func span(seconds float64) string {
	switch {
	case seconds == 0:
		return "0"
	case seconds < 1:
		return strconv.FormatFloat(math.Round(seconds*1e6)/1e3, 'f', -1, 64) + " ms"
	case seconds < 60:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	}
	return brief(seconds)
}

// drawn is a stretch as it is drawn.
type drawn struct {
	With      spent
	X, W, End string
	Y, H      int
	Mid       string // where its line is broken; empty if it is drawn as long as it was
	Open      bool
}

func (a axis) draw(r attempt) (all []drawn) {
	for i, s := range r.Stretches {
		from, to := a.x(s.From), a.x(s.To)
		d := drawn{With: s.With, X: percent(from), W: percent(to - from), End: percent(to), Y: 7, H: 14, Open: r.Open && i == len(r.Stretches)-1}
		switch s.With {
		case waited:
			d.Y, d.H = 12, 4
		case undone:
			d.Y, d.H = 10, 8
		case laidBy:
			d.Y, d.H = 11, 6
		case ran, ranFailed, interrupted:
		}
		if to-from > 2 && s.length().Seconds()*100/a.end > 2*(to-from) {
			d.Mid = percent((from + to) / 2)
		}
		all = append(all, d)
	}
	return all
}

// told is a row in words.
func (a attempt) told() string {
	text := ""
	for _, s := range a.Stretches {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s %s", map[spent]string{
			waited: "waited", ran: "ran", ranFailed: "ran, and failed after,", interrupted: "was interrupted after", undone: "was undone within", laidBy: "was parked",
		}[s.With], brief(s.length().Seconds()))
	}
	if text == "" {
		return "no time"
	}
	return text
}
