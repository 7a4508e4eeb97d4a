package rows

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// StepNames are the steps in the order in which they run, which is that of all arrays of steps.
var StepNames = domain.Steps()

// States are the states of an order's steps.
type States = [domain.StepCount]domain.StepState

// StepView is one step as it is stored and as it goes out. Times, node and error are those of its
// latest attempt.
type StepView struct {
	Step         domain.Step       `json:"step"`
	Status       domain.StepStatus `json:"status"`
	Attempt      int               `json:"attempt"` // 0 before the first
	Node         string            `json:"node"`
	StartedAt    time.Time         `json:"started_at"`
	CompletedAt  time.Time         `json:"completed_at"` // when it completed, failed or was interrupted
	Error        string            `json:"error"`
	RolledBackAt time.Time         `json:"rolled_back_at"`
}

// EncodeSteps writes steps in the one form in which they are stored and go out to customers: a
// JSON array of all of them, each with all its members, null where there is nothing to say.
func EncodeSteps(all *States) string {
	b := append(make([]byte, 0, 1024), '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		o := stored.NewObject(b)
		o.Text("step", string(StepNames[i]))
		o.TextOrNull("status", string(s.Status))
		o.Number("attempt", s.Attempt)
		o.TextOrNull("node", s.Node)
		o.TimeOrNull("started_at", s.StartedAt)
		o.TimeOrNull("completed_at", s.CompletedAt)
		o.TextOrNull("error", s.Error)
		o.TimeOrNull("rolled_back_at", s.RolledBackAt)
		b = o.End()
	}
	return string(append(b, ']'))
}

// emptyMembers are what EncodeSteps writes of what is empty. Earlier programs stored steps without
// these members, and may still do so beside this one.
var emptyMembers = []string{`,"attempt":0`, `,"node":null`, `,"started_at":null`, `,"completed_at":null`, `,"error":null`, `,"rolled_back_at":null`}

// Sparse gives steps as an earlier program would have stored them.
func Sparse(encoded string) string {
	for _, member := range emptyMembers {
		encoded = strings.ReplaceAll(encoded, member, ``)
	}
	return encoded
}

// SparseSQL is Sparse in SQL.
func SparseSQL(encoded string) string {
	for _, member := range emptyMembers {
		encoded = `REPLACE(` + encoded + `, '` + member + `', '')`
	}
	return encoded
}

// DecodeSteps reads stored steps of either form, and says whether they are as EncodeSteps writes
// them.
func DecodeSteps(text string, into *States) (asSent bool, err error) {
	if asSent, ok := scanSteps(text, into); ok {
		return asSent, nil
	}
	var views []StepView
	if err := json.Unmarshal([]byte(text), &views); err != nil {
		return false, fmt.Errorf("steps that are not JSON: %w", err)
	}
	if len(views) != domain.StepCount {
		return false, fmt.Errorf("%d steps", len(views))
	}
	for i, v := range views {
		if v.Step != StepNames[i] {
			return false, fmt.Errorf("%q as step %d", v.Step, i+1)
		}
		into[i] = v.state()
	}
	return false, nil
}

func (v StepView) state() domain.StepState {
	return domain.StepState{
		Status: v.Status, Attempt: v.Attempt, Node: v.Node, StartedAt: v.StartedAt,
		CompletedAt: v.CompletedAt, Error: v.Error, RolledBackAt: v.RolledBackAt,
	}
}

// scanSteps is DecodeSteps without encoding/json; not ok if the steps are written in any third way,
// or have texts with escapes.
func scanSteps(text string, into *States) (asSent, ok bool) {
	s := stepScanner{Scanner: stored.NewScanner(text)}
	s.Expect(`[`)
	for i := range into {
		if i > 0 {
			s.Expect(`,`)
		}
		s.step(StepNames[i], &into[i])
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
