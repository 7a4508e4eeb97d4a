package operate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// Notes are what one round leaves to the next.
type Notes struct {
	// Checked is up to where the log has been checked, by partition. It is empty before the first round.
	Checked []int64 `json:"checked,omitempty"`
	// Began is when the first round did.
	Began time.Time `json:"began,omitzero"`
	// LateAfter is the Patience of the watchdog that did the round, in seconds.
	LateAfter float64 `json:"late_after,omitempty"`
	// Walked is the order up to which the walk over all orders has come.
	Walked domain.OrderID `json:"walked"`
	// Around is when the walk last came to the end of the orders, and began anew.
	Around time.Time `json:"around,omitzero"`
	// Stood is where a projection stands that is behind its log, by partition.
	Stood map[int]Stand `json:"stood,omitempty"`
	// Clean is how many rounds in a row have not found an open alarm again.
	Clean map[string]int `json:"clean,omitempty"`
}

// Stand is where a projection stands, and since when that was seen.
type Stand struct {
	At    int64     `json:"at"`
	Since time.Time `json:"since"`
}

// Rounds keeps what rounds find.
type Rounds interface {
	// Watch gives what is known when a round begins.
	Watch(ctx context.Context) (work.Watch, error)
	// Record records a round, all of it or nothing. It is false, and nothing is recorded, if another node has recorded
	// a round after the one that this one came after.
	Record(ctx context.Context, r work.WatchRound) (bool, error)
}

// Look is one of the things that a round looks at.
type Look struct {
	Name  string
	Codes []work.AlarmCode // that it finds, or finds no more
	Do    func(ctx context.Context, now Now) ([]Finding, error)
}

// Now is where a round begins.
type Now struct {
	At    time.Time // by the database's clock
	Open  []work.Alarm
	Notes *Notes // for the next round; a look may change them if it succeeds
}

// Watchdog looks at the system in rounds, and raises and clears alarms. What it promises:
//
//   - A round that could not look at something neither raises nor clears alarms about that, and has not succeeded.
//     What the others found is recorded.
//   - If no round has succeeded for Patience, that is an alarm too.
//   - A look that does not come to its end within Limit has failed.
//   - Two nodes that do a round at the same time record one of them.
//   - An alarm is cleared when two rounds in a row have not found it. One that tells what happened (AlarmKind.Stays) must
//     have been acknowledged, too.
type Watchdog struct {
	Rounds   Rounds
	Looks    []Look
	Patience time.Duration
	// Limit bounds the time of one look, which may wait for rows that somebody has locked.
	Limit time.Duration
	// Tell is told of every alarm that a round has raised or cleared, once.
	Tell func(work.Alarm)
}

// Round does one round. It gives the alarms that are open after it, if it was recorded. If it was not, and there is no
// error, another node has recorded one. The error says what could not be looked at.
func (d Watchdog) Round(ctx context.Context) (open []work.Alarm, recorded bool, err error) {
	w, err := d.Rounds.Watch(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("begin a round of the watchdog: %w", err)
	}
	notes := Notes{}
	if err := json.Unmarshal([]byte(w.Notes), &notes); err != nil {
		notes = Notes{} // as if it were the first round
	}
	if notes.LateAfter = d.Patience.Seconds(); notes.Began.IsZero() {
		notes.Began = w.Now
	}
	found, looked, err := d.look(ctx, Now{At: w.Now, Open: w.Open, Notes: &notes})
	if ctx.Err() != nil {
		return nil, false, ctx.Err() // the node has lost its duty, or ends
	}
	last := w.Succeeded
	if last.IsZero() {
		last = notes.Began
	}
	if err != nil && w.Now.Sub(last) > d.Patience {
		found = append(found, Findingf(WatchdogFailing, "rounds", "no round has succeeded since %s: %v", last.UTC().Format(time.RFC3339), err))
	}
	r := work.WatchRound{After: w.Round, Succeeded: err == nil, At: w.Now}
	if judging := judge(&r, &notes, w.Open, found, looked); judging != nil {
		return nil, false, judging
	}
	text, _ := json.Marshal(notes) // it has nothing that JSON cannot say
	r.Notes = string(text)
	recorded, failed := d.Rounds.Record(ctx, r)
	if failed != nil || !recorded {
		return nil, false, errors.Join(err, failed)
	}
	for _, a := range slices.Concat(r.Raised, r.Cleared) {
		d.Tell(a)
	}
	return after(w.Open, r), true, err
}

// look looks at everything. It gives what was found, and the codes of which it is known.
func (d Watchdog) look(ctx context.Context, now Now) (found []Finding, looked map[work.AlarmCode]bool, err error) {
	looked = map[work.AlarmCode]bool{WatchdogFailing: true}
	for _, look := range d.Looks {
		some, failed := d.bounded(ctx, look, now)
		if failed != nil {
			err = errors.Join(err, fmt.Errorf("look at %s: %w", look.Name, failed))
			continue
		}
		found = append(found, some...)
		for _, code := range look.Codes {
			looked[code] = true
		}
	}
	return found, looked, err
}

// bounded is one look, within the time that it may take.
func (d Watchdog) bounded(ctx context.Context, look Look, now Now) ([]Finding, error) {
	ctx, cancel := context.WithTimeout(ctx, d.Limit)
	defer cancel()
	return look.Do(ctx, now)
}

// after are the alarms that are open after a round.
func after(before []work.Alarm, r work.WatchRound) []work.Alarm {
	return append(slices.DeleteFunc(slices.Clone(before), func(a work.Alarm) bool {
		return slices.ContainsFunc(r.Cleared, func(c work.Alarm) bool { return c.ID == a.ID })
	}), r.Raised...)
}
