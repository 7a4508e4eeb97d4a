package projections

import (
	"fmt"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// stepNames are the steps in the order in which they run, which is that of all arrays of steps.
var stepNames = domain.Steps()

// steps are the states of an order's steps.
type steps = [domain.StepCount]domain.StepState

// encodeSteps writes steps in the one form in which they are stored and go out to customers: a
// JSON array of all of them, each with all its members, null where there is nothing to say.
func encodeSteps(all *steps) string {
	b := append(make([]byte, 0, 1024), '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		o := stored.NewObject(b)
		o.Text("step", string(stepNames[i]))
		text(&o, "status", string(s.Status))
		o.Number("attempt", s.Attempt)
		text(&o, "node", s.Node)
		moment(&o, "started_at", s.StartedAt)
		moment(&o, "completed_at", s.CompletedAt)
		text(&o, "error", s.Error)
		moment(&o, "rolled_back_at", s.RolledBackAt)
		b = o.End()
	}
	return string(append(b, ']'))
}

// emptyMembers are what encodeSteps writes of what is empty. Earlier programs stored steps without
// these members, and may still do so beside this one.
var emptyMembers = []string{`,"attempt":0`, `,"node":null`, `,"started_at":null`, `,"completed_at":null`, `,"error":null`, `,"rolled_back_at":null`}

// sparse gives steps as an earlier program would have stored them.
func sparse(encoded string) string {
	for _, member := range emptyMembers {
		encoded = strings.ReplaceAll(encoded, member, ``)
	}
	return encoded
}

// sparseSQL is sparse in SQL.
func sparseSQL(encoded string) string {
	for _, member := range emptyMembers {
		encoded = `REPLACE(` + encoded + `, '` + member + `', '')`
	}
	return encoded
}

// decodeSteps reads stored steps of either form, and says whether they are as encodeSteps writes
// them, so that the text can go out as it is.
func decodeSteps(id domain.OrderID, text string, into *steps) (asSent bool, err error) {
	if asSent, ok := scanSteps(text, into); ok {
		return asSent, nil
	}
	views, err := Steps(text).Views()
	if err != nil {
		return false, fmt.Errorf("%w: stored steps of order %s: %s", domain.ErrCorrupt, id, err)
	}
	if len(views) != domain.StepCount {
		return false, fmt.Errorf("%w: order %s is stored with %d steps", domain.ErrCorrupt, id, len(views))
	}
	for i, v := range views {
		if v.Step != stepNames[i] {
			return false, fmt.Errorf("%w: step %d of order %s is stored as %q", domain.ErrCorrupt, i+1, id, v.Step)
		}
		into[i] = v.state()
	}
	return false, nil
}

// scanSteps is decodeSteps without encoding/json; not ok if the steps are written in any third way,
// or have texts with escapes.
func scanSteps(text string, into *steps) (asSent, ok bool) {
	s := stepScanner{Scanner: stored.NewScanner(text)}
	s.Expect(`[`)
	for i := range into {
		if i > 0 {
			s.Expect(`,`)
		}
		s.step(stepNames[i], &into[i])
	}
	s.Expect(`]`)
	return !s.sparse, s.Done()
}

// stepScanner reads steps; sparse says that a member was left out.
type stepScanner struct {
	stored.Scanner
	sparse bool
}

func (s *stepScanner) step(name domain.Step, into *domain.StepState) {
	s.Expect(`{"step":"`)
	s.Expect(string(name))
	s.Expect(`"`)
	into.Status = domain.StepStatus(s.text(`,"status":`))
	if s.member(`,"attempt":`) {
		into.Attempt = s.Number()
	}
	into.Node = s.text(`,"node":`)
	into.StartedAt = s.time(`,"started_at":`)
	into.CompletedAt = s.time(`,"completed_at":`)
	into.Error = s.text(`,"error":`)
	into.RolledBackAt = s.time(`,"rolled_back_at":`)
	s.Expect(`}`)
}

// member says whether the next member is this one.
func (s *stepScanner) member(key string) bool {
	there := s.Next(key)
	s.sparse = s.sparse || !there
	return there
}

func (s *stepScanner) text(key string) string {
	if !s.member(key) || s.Next(`null`) {
		return ""
	}
	text := s.Text()
	if text == "" { // is written as null
		s.Refuse()
	}
	return text
}

func (s *stepScanner) time(key string) time.Time {
	text := s.text(key)
	if text == "" {
		return time.Time{}
	}
	t, ok := stored.ParseTime(text)
	if !ok || t.IsZero() {
		s.Refuse()
	}
	return t
}
