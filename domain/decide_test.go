package domain

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestDecide_rules(t *testing.T) {
	for name, c := range map[string]struct {
		history []Command
		command Command
		want    error
	}{
		"place twice":          {place, Place{}, ErrAlreadyPlaced},
		"place after the end":  {four, Place{}, ErrAlreadyPlaced},
		"start unplaced":       {nil, StartStep{Scheduling, 1, "n"}, ErrNotPlaced},
		"complete unplaced":    {nil, CompleteStep{Scheduling, 1}, ErrNotPlaced},
		"fail unplaced":        {nil, FailStep{Scheduling, 1, ""}, ErrNotPlaced},
		"interrupt unplaced":   {nil, InterruptStep{Scheduling, 1, ""}, ErrNotPlaced},
		"roll back unplaced":   {nil, RollBackStep{Scheduling, 1, "n"}, ErrNotPlaced},
		"park unplaced":        {nil, Park{}, ErrNotPlaced},
		"resume unplaced":      {nil, Resume{}, ErrNotPlaced},
		"start later step":     {place, StartStep{PreProcessing, 1, "n"}, ErrOutOfTurn},
		"start earlier step":   {two, StartStep{Scheduling, 2, "n"}, ErrOutOfTurn},
		"start unknown step":   {place, StartStep{"Painting", 1, "n"}, ErrOutOfTurn},
		"start attempt 0":      {place, StartStep{Scheduling, 0, "n"}, ErrStaleAttempt},
		"start same attempt":   {paused, StartStep{Scheduling, 1, "n"}, ErrStaleAttempt},
		"start beside another": {started, StartStep{Scheduling, 2, "m"}, ErrStepRunning},
		"start next beside":    {started, StartStep{PreProcessing, 1, "m"}, ErrOutOfTurn},
		"start rolling back":   {failing, StartStep{Processing, 2, "n"}, ErrRollingBack},
		"start rolled back":    {halfway, StartStep{PreProcessing, 2, "n"}, ErrRollingBack},
		"start completed":      {four, StartStep{PostProcessing, 2, "n"}, ErrEnded},
		"start failed":         {failed, StartStep{Scheduling, 2, "n"}, ErrEnded},
		"start parked":         {parked, StartStep{PreProcessing, 1, "n"}, ErrParked},

		"complete not begun":      {place, CompleteStep{Scheduling, 1}, ErrNotRunning},
		"complete twice":          {one, CompleteStep{Scheduling, 1}, ErrNotRunning},
		"complete interrupted":    {paused, CompleteStep{Scheduling, 1}, ErrNotRunning},
		"complete failed":         {failing, CompleteStep{Processing, 1}, ErrNotRunning},
		"complete old attempt":    {with(paused, StartStep{Scheduling, 2, "m"}), CompleteStep{Scheduling, 1}, ErrStaleAttempt},
		"complete future attempt": {started, CompleteStep{Scheduling, 2}, ErrNotRunning},
		"complete other step":     {started, CompleteStep{PreProcessing, 1}, ErrNotRunning},
		"complete unknown step":   {started, CompleteStep{"Painting", 1}, ErrNotRunning},
		"fail not begun":          {place, FailStep{Scheduling, 1, ""}, ErrNotRunning},
		"fail old attempt":        {with(paused, StartStep{Scheduling, 2, "m"}), FailStep{Scheduling, 1, ""}, ErrStaleAttempt},
		"fail completed":          {one, FailStep{Scheduling, 1, ""}, ErrNotRunning},
		"interrupt not begun":     {place, InterruptStep{Scheduling, 1, ""}, ErrNotRunning},
		"interrupt old attempt":   {with(paused, StartStep{Scheduling, 2, "m"}), InterruptStep{Scheduling, 1, ""}, ErrStaleAttempt},
		"interrupt after the end": {four, InterruptStep{PostProcessing, 1, ""}, ErrNotRunning},

		"roll back without failure":  {one, RollBackStep{Scheduling, 1, "n"}, ErrNotRolling},
		"roll back while running":    {started, RollBackStep{Scheduling, 1, "n"}, ErrNotRolling},
		"roll back completed order":  {four, RollBackStep{PostProcessing, 1, "n"}, ErrEnded},
		"roll back completed first":  {failing, RollBackStep{PreProcessing, 1, "n"}, ErrOutOfTurn},
		"roll back forwards":         {failing, RollBackStep{Scheduling, 1, "n"}, ErrOutOfTurn},
		"roll back twice":            {halfway, RollBackStep{PreProcessing, 1, "n"}, ErrOutOfTurn},
		"roll back what was not run": {failing, RollBackStep{PostProcessing, 1, "n"}, ErrOutOfTurn},
		"roll back unknown step":     {failing, RollBackStep{"Painting", 1, "n"}, ErrOutOfTurn},
		"roll back after the end":    {failed, RollBackStep{Scheduling, 1, "n"}, ErrEnded},
		"roll back parked":           {rollPark, RollBackStep{Processing, 1, "n"}, ErrParked},

		"park while running": {started, Park{}, ErrStepRunning},
		"park parked":        {parked, Park{}, ErrParked},
		"park completed":     {four, Park{}, ErrEnded},
		"park failed":        {failed, Park{}, ErrEnded},
		"resume flowing":     {one, Resume{}, ErrNotParked},
		"resume resumed":     {resumed, Resume{}, ErrNotParked},
		"resume ended":       {four, Resume{}, ErrNotParked},
	} {
		t.Run(name, func(t *testing.T) {
			o := after(t, c.history...)
			was := o
			events, err := Decide(o, c.command)
			if !errors.Is(err, c.want) || !errors.Is(err, ErrRule) || events != nil {
				t.Errorf("events %v, err %v; want none and %q, a rule", events, err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "domain.") {
				t.Errorf("people read %q, which has the name of a type", err)
			}
			if !reflect.DeepEqual(o, was) {
				t.Error("Decide changed the order")
			}
		})
	}
}

func TestDecide_events(t *testing.T) {
	for name, c := range map[string]struct {
		history []Command
		command Command
		want    []Event
	}{
		"place":                 {nil, Place{"t", json.RawMessage(`{}`), "acme", "ab"}, []Event{OrderPlaced{"t", json.RawMessage(`{}`), "acme", "ab"}}},
		"place without detail":  {nil, Place{}, []Event{OrderPlaced{}}},
		"start":                 {place, StartStep{Scheduling, 1, "n"}, []Event{StepStarted{Scheduling, 1, "n"}}},
		"start skips numbers":   {paused, StartStep{Scheduling, 9, "n"}, []Event{StepStarted{Scheduling, 9, "n"}}},
		"start resumed":         {resumed, StartStep{PreProcessing, 1, "n"}, []Event{StepStarted{PreProcessing, 1, "n"}}},
		"complete":              {started, CompleteStep{Scheduling, 1}, []Event{StepCompleted{Scheduling, 1, "n"}}},
		"complete the last":     {with(three, StartStep{PostProcessing, 1, "m"}), CompleteStep{PostProcessing, 1}, []Event{StepCompleted{PostProcessing, 1, "m"}, OrderCompleted{}}},
		"fail":                  {started, FailStep{Scheduling, 1, "no"}, []Event{StepFailed{Scheduling, 1, "n", "no"}}},
		"interrupt":             {started, InterruptStep{Scheduling, 1, "lost"}, []Event{StepInterrupted{Scheduling, 1, "n", "lost"}}},
		"roll back the failed":  {failing, RollBackStep{Processing, 2, "m"}, []Event{StepRolledBack{Processing, 2, "m"}}},
		"roll back the last":    {halfway, RollBackStep{Scheduling, 2, "m"}, []Event{StepRolledBack{Scheduling, 2, "m"}, OrderFailed{Processing, "no steel"}}},
		"roll back the only":    {with(started, FailStep{Scheduling, 1, "no"}), RollBackStep{Scheduling, 1, "n"}, []Event{StepRolledBack{Scheduling, 1, "n"}, OrderFailed{Scheduling, "no"}}},
		"park at the beginning": {place, Park{"r"}, []Event{OrderParked{Scheduling, "r"}}},
		"park between steps":    {one, Park{"r"}, []Event{OrderParked{PreProcessing, "r"}}},
		"park interrupted":      {paused, Park{"r"}, []Event{OrderParked{Scheduling, "r"}}},
		"park rolling back":     {failing, Park{"r"}, []Event{OrderParked{Processing, "r"}}},
		"park half rolled back": {halfway, Park{"r"}, []Event{OrderParked{Scheduling, "r"}}},
		"resume":                {parked, Resume{"r"}, []Event{OrderResumed{"r"}}},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := Decide(after(t, c.history...), c.command)
			if err != nil || !reflect.DeepEqual(events, c.want) {
				t.Errorf("decided %#v, err %v; want %#v", events, err, c.want)
			}
			if command := CommandOf(c.want[0]); !reflect.DeepEqual(command, c.command) {
				t.Errorf("the command of %#v is %#v, want %#v", c.want[0], command, c.command)
			}
			for _, follows := range c.want[1:] {
				if _, err := Decide(after(t, c.history...), CommandOf(follows)); !errors.Is(err, ErrOutOfTurn) {
					t.Errorf("%#v was decided by itself: %v, want ErrOutOfTurn", follows, err)
				}
			}
		})
	}
}

func TestDecide_invalid(t *testing.T) {
	if _, err := Decide(Order{}, Place{Detail: json.RawMessage(`{"a":`)}); !errors.Is(err, ErrInvalid) || errors.Is(err, ErrRule) {
		t.Errorf("err = %v, want ErrInvalid, which is no rule", err)
	}
}

func TestErrors_kinds(t *testing.T) {
	rules := []error{
		ErrAlreadyPlaced, ErrNotPlaced, ErrEnded, ErrParked, ErrNotParked, ErrOutOfTurn,
		ErrStepRunning, ErrNotRunning, ErrStaleAttempt, ErrRollingBack, ErrNotRolling,
	}
	for i, a := range rules {
		if !errors.Is(a, ErrRule) || errors.Is(a, ErrInvalid) {
			t.Errorf("%q is a rule: %v; is invalid: %v", a, errors.Is(a, ErrRule), errors.Is(a, ErrInvalid))
		}
		for j, b := range rules {
			if errors.Is(a, b) != (i == j) {
				t.Errorf("%q is %q: %v", a, b, i != j)
			}
		}
	}
	duplicate := &DuplicateError{OrderID: OrderID{1}, Key: "k"}
	if !errors.Is(duplicate, ErrDuplicate) || errors.Is(duplicate, ErrConflict) {
		t.Error("a DuplicateError must be ErrDuplicate and nothing else")
	}
	same := &DuplicateError{OrderID: OrderID{1}, Key: "k", Same: true}
	if duplicate.Error() == same.Error() {
		t.Error("a repeat and a clash read the same")
	}
}
