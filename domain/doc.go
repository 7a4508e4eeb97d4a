// Package domain is the vocabulary of the system: the order, its four steps, the
// events that happen to it, and the rules that say which event may follow which.
//
// It is pure. Nothing here reads a clock, draws a random number or does I/O. The two halves
// are kept apart:
//
//   - Order.Decide takes a command and says which events follow, or which rule forbids it
//     (an error of kind ErrRule). It changes nothing.
//   - Order.Apply takes recorded events and moves the order on. It never refuses an event
//     that Decide produced.
//
// An order goes Scheduling, PreProcessing, Processing, PostProcessing, Completed. A
// failed step turns it round: the failed step and then every completed step are
// rolled back, last first, and the order ends Failed. An attempt of a step is open
// from its StepStarted to the StepCompleted, StepFailed or StepInterrupted of the
// same attempt; an order never has two open attempts.
//
// An operator can ask to cancel an order, and to fail a parked one. The attempt that is open ends first, in
// whatever way. Then every step that may have had effects is rolled back, an interrupted one too, and the
// order ends Cancelled or Failed, as was asked. An order of which no step has begun ends at once.
//
// The stored JSON of an event never changes once released: golden files pin it, and
// upcasters carry older forms forward when they are read (see Encode and Decode).
package domain
