package operate

import (
	"context"
	"encoding/json"
	"time"

	"orderflow/domain/work"
)

// ParseAlarmID reads the id of an alarm.
func ParseAlarmID(text string) (id work.AlarmID, err error) {
	err = id.UnmarshalText([]byte(text))
	return id, err
}

// AlarmAnswer is an alarm as it is told to operators.
type AlarmAnswer struct {
	ID             work.AlarmID   `json:"id"`
	Alarm          work.AlarmCode `json:"alarm"`
	Severity       Severity       `json:"severity"`
	State          string         `json:"state"`
	Subject        string         `json:"subject"`
	What           string         `json:"what"`
	RaisedAt       time.Time      `json:"raised_at"`
	AcknowledgedAt time.Time      `json:"acknowledged_at,omitzero"`
	AcknowledgedBy string         `json:"acknowledged_by,omitempty"`
	Reason         string         `json:"reason,omitempty"` // of the acknowledgement
	ClearedAt      time.Time      `json:"cleared_at,omitzero"`
	Runbook        string         `json:"runbook"` // the place in the documentation
}

// answerOf is an alarm as it is told.
func answerOf(a work.Alarm) AlarmAnswer {
	return AlarmAnswer{
		ID: a.ID, Alarm: a.Code, Severity: SeverityOf(a.Code), State: a.State(), Subject: a.Subject, What: a.What, RaisedAt: a.RaisedAt,
		AcknowledgedAt: a.AcknowledgedAt, AcknowledgedBy: a.AcknowledgedBy, Reason: a.Reason, ClearedAt: a.ClearedAt,
		Runbook: "docs/operations.md#alarm-" + string(a.Code),
	}
}

// AlarmLog has the alarms.
type AlarmLog interface {
	// List gives alarms, the latest in front: at most so many of those before an alarm; the zero id stands for the
	// end. Without all it gives those that are open.
	List(ctx context.Context, all bool, most int, before work.AlarmID) ([]work.Alarm, error)
	// Get gives one alarm; domain.ErrNotFound if there is none.
	Get(ctx context.Context, id work.AlarmID) (work.Alarm, error)
	// Acknowledge notes the operation and who has seen the alarm, in one transaction. It is false, and nothing is
	// noted, if the alarm is acknowledged or cleared already.
	Acknowledge(ctx context.Context, id work.AlarmID, op work.Operation) (bool, error)
	// Watched says where the watchdog is, without the alarms.
	Watched(ctx context.Context) (work.Watch, error)
}

// Alarms is what operators do with alarms.
type Alarms struct{ Log AlarmLog }

// AlarmsPage is a page of a list of alarms, the latest in front.
type AlarmsPage struct {
	Alarms []AlarmAnswer `json:"alarms"`
	// NextCursor is the cursor of the next page; left out on the last one.
	NextCursor string        `json:"next_cursor,omitempty"`
	Watchdog   WatchdogState `json:"watchdog"`
}

// WatchdogState says how much the list is worth: alarms are raised and cleared by rounds.
type WatchdogState struct {
	Rounds      int64     `json:"rounds"`
	LastSuccess time.Time `json:"last_success,omitzero"` // of a round; not there if none has succeeded
	// AgeSeconds is how long ago that was, by the database's clock; not there if none has succeeded.
	AgeSeconds *float64 `json:"age_seconds,omitempty"`
	// Late says that there were rounds, and that none has succeeded for several times the time between them: nobody
	// watches.
	Late bool `json:"late"`
}

func stateOf(w work.Watch) WatchdogState {
	s := WatchdogState{Rounds: w.Round, LastSuccess: w.Succeeded}
	var notes Notes
	if err := json.Unmarshal([]byte(w.Notes), &notes); err != nil {
		notes = Notes{} // the next round writes them anew
	}
	last := w.Succeeded
	if last.IsZero() {
		last = notes.Began
	} else {
		s.AgeSeconds = new(w.Now.Sub(last).Round(time.Millisecond).Seconds())
	}
	s.Late = w.Round > 0 && w.Now.Sub(last).Seconds() > notes.LateAfter
	return s
}

// Watchdog says how the watchdog stands.
func (a Alarms) Watchdog(ctx context.Context) (WatchdogState, error) {
	watched, err := a.Log.Watched(ctx)
	return stateOf(watched), err
}

// List gives a page of alarms: the first, or the one that the page before names. Without all it gives those that are open.
// The error is a *domain.FieldError for what no page has.
func (a Alarms) List(ctx context.Context, all bool, limit int, cursor string) (page AlarmsPage, err error) {
	before, err := pageBefore(limit, cursor)
	if err != nil {
		return page, err
	}
	if page.Watchdog, err = a.Watchdog(ctx); err != nil {
		return page, err
	}
	found, err := a.Log.List(ctx, all, limit+1, before) // one more says whether there are more
	if err != nil {
		return page, err
	}
	if len(found) > limit {
		found = found[:limit]
		page.NextCursor = found[limit-1].ID.String()
	}
	page.Alarms = []AlarmAnswer{}
	for _, one := range found {
		page.Alarms = append(page.Alarms, answerOf(one))
	}
	return page, nil
}

// Acknowledged is what became of an acknowledgement.
type Acknowledged struct {
	Done
	Alarm AlarmAnswer `json:"alarm"`
}

// Acknowledge notes that somebody has seen an alarm. It stays open until its cause is gone.
func (a Alarms) Acknowledge(ctx context.Context, id work.AlarmID, by By) (Acknowledged, error) {
	op, err := by.Operation("alarms ack", id.String(), "acknowledged")
	if err != nil {
		return Acknowledged{}, err
	}
	changed, err := a.Log.Acknowledge(ctx, id, op)
	if err != nil {
		return Acknowledged{}, err
	}
	alarm, err := a.Log.Get(ctx, id)
	return Acknowledged{Done{Changed: changed, Now: "the alarm is " + alarm.State()}, answerOf(alarm)}, err
}
