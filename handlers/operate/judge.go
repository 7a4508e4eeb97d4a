package operate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"orderflow/domain/work"
)

const (
	// cleanRounds is how many rounds in a row must find nothing before an alarm is cleared, so that one that comes and
	// goes is one alarm.
	cleanRounds = 2
	// mostOpen bounds the open alarms of a code. What is found beyond them is counted under the subject Others.
	mostOpen = 20
	// Others is the subject of an alarm about all that is found beyond mostOpen.
	Others = "others"
	// mostText bounds the bytes that are kept of a subject, and mostWhat those of what is wrong.
	mostText, mostWhat = 200, 2000
)

// Finding is something wrong that a round found.
type Finding struct {
	Code    work.AlarmCode
	Subject string
	What    string
}

// Findingf is a finding.
func Findingf(code work.AlarmCode, subject, format string, args ...any) Finding {
	return Finding{code, subject, fmt.Sprintf(format, args...)}
}

// Alarm is the alarm that a finding raises.
func (f Finding) Alarm() (work.Alarm, error) {
	id, err := uuid.NewV7()
	return work.Alarm{ID: work.AlarmID(id), Code: f.Code, Subject: clip(f.Subject, mostText), What: clip(f.What, mostWhat)}, err
}

// judge decides which alarms are raised, changed and cleared, after what was found and looked at.
func judge(r *work.WatchRound, notes *Notes, open []work.Alarm, found []Finding, looked map[work.AlarmCode]bool) error {
	known := map[[2]string]Finding{}
	for _, f := range bounded(open, found) {
		known[[2]string{string(f.Code), f.Subject}] = f
	}
	clean := map[string]int{}
	for _, a := range open {
		key, id := [2]string{string(a.Code), a.Subject}, a.ID.String()
		f, again := known[key]
		delete(known, key)
		switch {
		case again && f.What != a.What:
			a.What = f.What
			r.Changed = append(r.Changed, a)
		case again || kindOf(a.Code).Stays && a.AcknowledgedAt.IsZero():
		case !looked[a.Code]:
			clean[id] = notes.Clean[id]
		case notes.Clean[id]+1 < cleanRounds:
			clean[id] = notes.Clean[id] + 1
		default:
			a.ClearedAt = r.At
			r.Cleared = append(r.Cleared, a)
		}
	}
	notes.Clean = clean
	for _, f := range known {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		r.Raised = append(r.Raised, work.Alarm{ID: work.AlarmID(id), Code: f.Code, Subject: f.Subject, What: f.What, RaisedAt: r.At})
	}
	slices.SortFunc(r.Raised, func(a, b work.Alarm) int {
		return strings.Compare(string(a.Code)+" "+a.Subject, string(b.Code)+" "+b.Subject)
	})
	return nil
}

// bounded gives the findings, once each, and of each code so many as there is room for beside the alarms that are open.
// Those beyond are counted as one. That one stays while others of its code are open, since they hide what is behind them.
func bounded(open []work.Alarm, found []Finding) []Finding {
	type key struct {
		code    work.AlarmCode
		subject string
	}
	listed, number := map[key]bool{}, map[work.AlarmCode]int{}
	for _, a := range open {
		listed[key{a.Code, a.Subject}] = true
		if a.Subject != Others {
			number[a.Code]++
		}
	}
	var kept []Finding
	met, beyond := map[key]bool{}, map[work.AlarmCode]int{}
	for _, f := range found {
		f.Subject, f.What = clip(f.Subject, mostText), clip(f.What, mostWhat)
		k := key{f.Code, f.Subject}
		switch {
		case met[k]:
			continue
		case listed[k]:
		case number[f.Code] == mostOpen:
			beyond[f.Code]++
			continue
		default:
			number[f.Code]++
		}
		met[k] = true
		kept = append(kept, f)
	}
	for code, n := range number {
		if beyond[code] > 0 || n > 0 && listed[key{code, Others}] {
			kept = append(kept, Findingf(code, Others, "there are more than %d; \"orderflow check\" names all", mostOpen))
		}
	}
	return kept
}

// clip cuts a text after so many bytes.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
