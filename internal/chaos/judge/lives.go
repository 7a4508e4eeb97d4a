package judge

import (
	"cmp"
	"math"
	"slices"
)

// span is a time from one moment to another.
type span struct{ from, to int64 }

// life is what happened to one process.
type life struct {
	gone   int64 // math.MaxInt64 while it lives
	pauses []span
}

// lives are those of all processes, and the times when the database was away from all.
type lives struct {
	byPID map[int]*life
	away  []span
}

func livesOf(incidents []Incident) *lives {
	all := &lives{byPID: map[int]*life{}}
	slices.SortStableFunc(incidents, func(a, b Incident) int { return cmp.Compare(a.At, b.At) })
	for _, i := range incidents {
		if i.What == "away" {
			all.away = append(all.away, span{i.At, i.To})
			continue
		}
		l := all.of(i.PID)
		switch i.What {
		case "stop":
			l.pauses = append(l.pauses, span{i.At, math.MaxInt64})
		case "cont":
			if n := len(l.pauses); n > 0 {
				l.pauses[n-1].to = i.At
			}
		case "gone":
			l.gone = i.At
		}
	}
	return all
}

func (l *lives) of(pid int) *life {
	if l.byPID[pid] == nil {
		l.byPID[pid] = &life{gone: math.MaxInt64}
	}
	return l.byPID[pid]
}

// end is the last moment at which a call can have been at work: that of the call itself,
// or the death of its process, or the pause in which it died.
func (l *lives) end(c Call) int64 {
	if c.Until > 0 {
		return c.Until
	}
	process := l.of(c.PID)
	end := process.gone
	for _, p := range process.pauses {
		if p.from >= c.Began && p.to >= end {
			end = min(end, p.from)
		}
	}
	return max(end, c.Began)
}

// loss is when a call's process was lost to it: it died, or was paused; false if neither.
func (l *lives) loss(c Call) (at int64, lost bool) {
	process := l.of(c.PID)
	at = math.MaxInt64
	if c.Ended == 0 {
		at = process.gone
	}
	for _, p := range process.pauses {
		if p.to >= c.Asked && (c.Ended == 0 || p.from <= c.Ended) {
			at = min(at, max(p.from, c.Asked))
		}
	}
	return at, at < math.MaxInt64
}

// present is how much of a time the database was there.
func (l *lives) present(from, to int64) int64 {
	d := to - from
	for _, a := range l.away {
		if overlap := min(to, a.to) - max(from, a.from); overlap > 0 {
			d -= overlap
		}
	}
	return d
}
