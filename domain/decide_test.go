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
		"place twice":          {place, Place{}, errAlreadyPlaced},
		"place after the end":  {four, Place{}, errAlreadyPlaced},
		"start unplaced":       {nil, StartStep{Scheduling, 1, "n"}, errNotPlaced},
		"complete unplaced":    {nil, CompleteStep{Scheduling, 1}, errNotPlaced},
		"fail unplaced":        {nil, FailStep{Scheduling, 1, ""}, errNotPlaced},
		"interrupt unplaced":   {nil, InterruptStep{Scheduling, 1, ""}, errNotPlaced},
		"roll back unplaced":   {nil, RollBackStep{Scheduling, 1, "n"}, errNotPlaced},
		"park unplaced":        {nil, Park{}, errNotPlaced},
		"resume unplaced":      {nil, Resume{}, errNotPlaced},
		"start later step":     {place, StartStep{PreProcessing, 1, "n"}, errOutOfTurn},
		"start earlier step":   {two, StartStep{Scheduling, 2, "n"}, errOutOfTurn},
		"start unknown step":   {place, StartStep{"Painting", 1, "n"}, errOutOfTurn},
		"start attempt 0":      {place, StartStep{Scheduling, 0, "n"}, errStaleAttempt},
		"start same attempt":   {paused, StartStep{Scheduling, 1, "n"}, errStaleAttempt},
		"start beside another": {started, StartStep{Scheduling, 2, "m"}, errStepRunning},
		"start next beside":    {started, StartStep{PreProcessing, 1, "m"}, errOutOfTurn},
		"start rolling back":   {failing, StartStep{Processing, 2, "n"}, errRollingBack},
		"start rolled back":    {halfway, StartStep{PreProcessing, 2, "n"}, errRollingBack},
		"start completed":      {four, StartStep{PostProcessing, 2, "n"}, errEnded},
		"start failed":         {failed, StartStep{Scheduling, 2, "n"}, errEnded},
		"start parked":         {parked, StartStep{PreProcessing, 1, "n"}, ErrParked},

		"complete not begun":      {place, CompleteStep{Scheduling, 1}, errNotRunning},
		"complete twice":          {one, CompleteStep{Scheduling, 1}, errNotRunning},
		"complete interrupted":    {paused, CompleteStep{Scheduling, 1}, errNotRunning},
		"complete failed":         {failing, CompleteStep{Processing, 1}, errNotRunning},
		"complete old attempt":    {with(paused, StartStep{Scheduling, 2, "m"}), CompleteStep{Scheduling, 1}, errStaleAttempt},
		"complete future attempt": {started, CompleteStep{Scheduling, 2}, errNotRunning},
		"complete other step":     {started, CompleteStep{PreProcessing, 1}, errNotRunning},
		"complete unknown step":   {started, CompleteStep{"Painting", 1}, errNotRunning},
		"fail not begun":          {place, FailStep{Scheduling, 1, ""}, errNotRunning},
		"fail old attempt":        {with(paused, StartStep{Scheduling, 2, "m"}), FailStep{Scheduling, 1, ""}, errStaleAttempt},
		"fail completed":          {one, FailStep{Scheduling, 1, ""}, errNotRunning},
		"interrupt not begun":     {place, InterruptStep{Scheduling, 1, ""}, errNotRunning},
		"interrupt old attempt":   {with(paused, StartStep{Scheduling, 2, "m"}), InterruptStep{Scheduling, 1, ""}, errStaleAttempt},
		"interrupt after the end": {four, InterruptStep{PostProcessing, 1, ""}, errNotRunning},

		"roll back without failure":  {one, RollBackStep{Scheduling, 1, "n"}, ErrNotRolling},
		"roll back while running":    {started, RollBackStep{Scheduling, 1, "n"}, ErrNotRolling},
		"roll back completed order":  {four, RollBackStep{PostProcessing, 1, "n"}, errEnded},
		"roll back completed first":  {failing, RollBackStep{PreProcessing, 1, "n"}, errOutOfTurn},
		"roll back forwards":         {failing, RollBackStep{Scheduling, 1, "n"}, errOutOfTurn},
		"roll back twice":            {halfway, RollBackStep{PreProcessing, 1, "n"}, errOutOfTurn},
		"roll back what was not run": {failing, RollBackStep{PostProcessing, 1, "n"}, errOutOfTurn},
		"roll back unknown step":     {failing, RollBackStep{"Painting", 1, "n"}, errOutOfTurn},
		"roll back after the end":    {failed, RollBackStep{Scheduling, 1, "n"}, errEnded},
		"roll back parked":           {rollPark, RollBackStep{Processing, 1, "n"}, ErrParked},

		"park while running": {started, Park{}, errStepRunning},
		"park parked":        {parked, Park{}, ErrParked},
		"park completed":     {four, Park{}, errEnded},
		"park failed":        {failed, Park{}, errEnded},
		"resume flowing":     {one, Resume{}, errNotParked},
		"resume resumed":     {resumed, Resume{}, errNotParked},
		"resume ended":       {four, Resume{}, errNotParked},

		"cancel unplaced":         {nil, Cancel{}, errNotPlaced},
		"cancel completed":        {four, Cancel{}, errEnded},
		"cancel failed":           {failed, Cancel{}, errEnded},
		"cancel rolling back":     {failing, Cancel{}, errRollingBack},
		"cancel parked so":        {rollPark, Cancel{}, errRollingBack},
		"cancel twice":            {asked, Cancel{}, errAsked},
		"cancel now twice":        {with(asked, Cancel{"n", true}), Cancel{"n", true}, errAskedNow},
		"cancel what rolls back":  {turned, Cancel{"n", true}, errRollingBack},
		"cancel what has ended":   {with(place, Cancel{}), Cancel{}, errEnded},
		"start what is cancelled": {turned, StartStep{PreProcessing, 2, "n"}, errRollingBack},
		"start another instead":   {asked, StartStep{Processing, 1, "n"}, errOutOfTurn},
		"park while asked":        {asked, Park{}, errStepRunning},
		"fail unparked":           {one, Fail{}, errNotParked},
		"fail rolling back":       {rollPark, Fail{}, errRollingBack},
		"fail asked":              {asked, Fail{}, errNotParked},
		"fail unplaced order":     {nil, Fail{}, errNotPlaced},
		"fail ended":              {four, Fail{}, errEnded},
	} {
		t.Run(name, func(t *testing.T) {
			o := after(t, c.history...)
			was := o
			events, err := o.Decide(c.command)
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
		"place":                 {nil, Place{"t", json.RawMessage(`{}`), "acme", "ab", OrderID{7}}, []Event{OrderPlaced{"t", json.RawMessage(`{}`), "acme", "ab", OrderID{7}}}},
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

		"cancel pending":          {place, Cancel{"r", false}, []Event{OrderCancelRequested{"r", false}, OrderCancelled{"r"}}},
		"cancel pending parked":   {with(place, Park{"p"}), Cancel{"r", true}, []Event{OrderCancelRequested{"r", true}, OrderCancelled{"r"}}},
		"cancel running":          {started, Cancel{"r", false}, []Event{OrderCancelRequested{"r", false}}},
		"cancel between steps":    {one, Cancel{"r", true}, []Event{OrderCancelRequested{"r", true}}},
		"cancel parked":           {parked, Cancel{"r", false}, []Event{OrderCancelRequested{"r", false}}},
		"cancel now after all":    {asked, Cancel{"r", true}, []Event{OrderCancelRequested{"r", true}}},
		"fail parked":             {parked, Fail{"r"}, []Event{OrderFailRequested{"r"}}},
		"fail pending":            {with(place, Park{"p"}), Fail{"r"}, []Event{OrderFailRequested{"r"}, OrderFailed{Scheduling, "r"}}},
		"complete asked":          {with(three, StartStep{PostProcessing, 1, "m"}, Cancel{"r", false}), CompleteStep{PostProcessing, 1}, []Event{StepCompleted{PostProcessing, 1, "m"}}},
		"roll back interrupted":   {turned, RollBackStep{PreProcessing, 1, "m"}, []Event{StepRolledBack{PreProcessing, 1, "m"}}},
		"roll back all cancelled": {with(turned, RollBackStep{PreProcessing, 1, "m"}), RollBackStep{Scheduling, 1, "m"}, []Event{StepRolledBack{Scheduling, 1, "m"}, OrderCancelled{"why"}}},
		"roll back all failed":    {with(parked, Fail{"r"}), RollBackStep{Scheduling, 1, "m"}, []Event{StepRolledBack{Scheduling, 1, "m"}, OrderFailed{Scheduling, "r"}}},
		"park rolling back asked": {turned, Park{"r"}, []Event{OrderParked{PreProcessing, "r"}}},
	} {
		t.Run(name, func(t *testing.T) {
			o := after(t, c.history...)
			events, err := o.Decide(c.command)
			if err != nil || !reflect.DeepEqual(events, c.want) {
				t.Errorf("decided %#v, err %v; want %#v", events, err, c.want)
			}
			if command := CommandOf(c.want[0]); !reflect.DeepEqual(command, c.command) {
				t.Errorf("the command of %#v is %#v, want %#v", c.want[0], command, c.command)
			}
			for _, follows := range c.want[1:] {
				if _, err := o.Decide(CommandOf(follows)); !errors.Is(err, errOutOfTurn) {
					t.Errorf("%#v was decided by itself: %v, want errOutOfTurn", follows, err)
				}
			}
		})
	}
}

func TestDecide_invalid(t *testing.T) {
	if _, err := (&Order{}).Decide(Place{Detail: json.RawMessage(`{"a":`)}); !errors.Is(err, ErrInvalid) || errors.Is(err, ErrRule) {
		t.Errorf("err = %v, want ErrInvalid, which is no rule", err)
	}
}

func TestErrors_kinds(t *testing.T) {
	rules := []error{
		errAlreadyPlaced, errNotPlaced, errEnded, ErrParked, errNotParked, errOutOfTurn,
		errStepRunning, errNotRunning, errStaleAttempt, errRollingBack, ErrNotRolling, errAsked, errAskedNow,
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
