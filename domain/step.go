package domain

import (
	"fmt"
	"slices"
	"strings"
)

// Step is one of the four steps every order runs through.
type Step string

// The steps, in the order in which they run.
const (
	Scheduling     Step = "Scheduling"
	PreProcessing  Step = "PreProcessing"
	Processing     Step = "Processing"
	PostProcessing Step = "PostProcessing"
)

// StepCount is the number of steps of an order.
const StepCount = 4

var steps = [StepCount]Step{Scheduling, PreProcessing, Processing, PostProcessing}

// Steps lists the steps in the order in which they run.
func Steps() []Step { return slices.Clone(steps[:]) }

// List writes names for people, or "nothing".
func List[T ~string](names []T) string {
	if len(names) == 0 {
		return "nothing"
	}
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}

// ParseStep reads a step by its exact name.
func ParseStep(s string) (Step, error) {
	if step := Step(s); step.index() >= 0 {
		return step, nil
	}
	return "", fmt.Errorf("%w: step %q is unknown (expected one of %s)", ErrInvalid, Shorten(s), List(steps[:]))
}

// ReadStep reads a step as people write it: Processing, processing, PreProcessing, pre-processing, as topics are named.
func ReadStep(s string) (Step, error) {
	for _, step := range steps {
		if strings.EqualFold(strings.ReplaceAll(s, "-", ""), string(step)) {
			return step, nil
		}
	}
	return ParseStep(s)
}

// Next is the step after s; false after the last and for an unknown step.
func (s Step) Next() (Step, bool) {
	i := s.index()
	if i < 0 || i == StepCount-1 {
		return "", false
	}
	return steps[i+1], true
}

func (s Step) index() int { return slices.Index(steps[:], s) }

// Status is where an order stands.
type Status string

// An order is Pending until its first step starts, then named after the step that
// runs or is next, RollingBack after a failure or when it is to be cancelled, and Completed, Failed or
// Cancelled at the end. Parked means that an operator has to look: its work is in the dead letters.
const (
	StatusPending     Status = "Pending"
	StatusRollingBack Status = "RollingBack"
	StatusCompleted   Status = "Completed"
	StatusFailed      Status = "Failed"
	StatusCancelled   Status = "Cancelled"
	StatusParked      Status = "Parked"
)

var statuses = []Status{
	StatusPending, Status(Scheduling), Status(PreProcessing), Status(Processing), Status(PostProcessing),
	StatusRollingBack, StatusCompleted, StatusFailed, StatusCancelled, StatusParked,
}

// Statuses lists every status an order can have.
func Statuses() []Status { return slices.Clone(statuses) }

// ParseStatus reads a status by its exact name.
func ParseStatus(s string) (Status, error) {
	if slices.Contains(statuses, Status(s)) {
		return Status(s), nil
	}
	return "", fmt.Errorf("%w: status %q is unknown (expected one of %s)", ErrInvalid, Shorten(s), List(statuses))
}

// Ended says that nothing more will happen to an order of this status.
func (s Status) Ended() bool {
	return s == StatusCompleted || s == StatusFailed || s == StatusCancelled
}

// StepStatus is where one step of an order stands.
type StepStatus string

// A step is Interrupted when its node was lost or its time ran out; a new attempt
// makes it Running again.
const (
	StepStatusPending     StepStatus = "Pending"
	StepStatusRunning     StepStatus = "Running"
	StepStatusCompleted   StepStatus = "Completed"
	StepStatusFailed      StepStatus = "Failed"
	StepStatusInterrupted StepStatus = "Interrupted"
	StepStatusRolledBack  StepStatus = "RolledBack"
)
