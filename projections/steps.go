package projections

import (
	"encoding/json"
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/domain/stored"
)

var steps = domain.Steps()

// encodeSteps writes the steps as they are stored: a JSON array of all of them, without
// the members that are empty.
func encodeSteps(o domain.Order) string {
	return string(appendSteps(make([]byte, 0, 640), stepViews(o), true))
}

func decodeSteps(id domain.OrderID, stored string) ([]StepView, error) {
	views, ok := scanSteps(stored)
	if !ok {
		views = nil
		if err := json.Unmarshal([]byte(stored), &views); err != nil {
			return nil, fmt.Errorf("%w: stored steps of order %s: %s", domain.ErrCorrupt, id, err)
		}
	}
	if len(views) != domain.StepCount {
		return nil, fmt.Errorf("%w: order %s is stored with %d steps", domain.ErrCorrupt, id, len(views))
	}
	for i, step := range steps {
		if views[i].Step != step {
			return nil, fmt.Errorf("%w: step %d of order %s is stored as %q", domain.ErrCorrupt, i+1, id, views[i].Step)
		}
	}
	return views, nil
}

// scanSteps reads steps just as encodeSteps writes them; false if they are written in
// any other way, or have texts with escapes.
func scanSteps(text string) ([]StepView, bool) {
	views := make([]StepView, domain.StepCount)
	s := stored.NewScanner(text)
	s.Expect(`[`)
	for i := range views {
		if i > 0 {
			s.Expect(`,`)
		}
		scanStep(&s, &views[i])
	}
	s.Expect(`]`)
	return views, s.Done()
}

func scanStep(s *stored.Scanner, v *StepView) {
	s.Expect(`{"step":`)
	v.Step = domain.Step(s.Text())
	s.Expect(`,"status":`)
	v.Status = domain.StepStatus(s.Text())
	if s.Next(`,"attempt":`) {
		v.Attempt = s.Number()
	}
	v.Node = s.Member(`,"node":`)
	v.StartedAt = scanTime(s, `,"started_at":`)
	v.CompletedAt = scanTime(s, `,"completed_at":`)
	v.Error = s.Member(`,"error":`)
	v.RolledBackAt = scanTime(s, `,"rolled_back_at":`)
	s.Expect(`}`)
}

// scanTime reads a time that may be missing, and then is zero.
func scanTime(s *stored.Scanner, key string) time.Time {
	if !s.Next(key) {
		return time.Time{}
	}
	t, ok := stored.ParseTime(s.Text())
	if !ok {
		s.Refuse()
	}
	return t
}
