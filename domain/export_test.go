package domain

import "pgregory.net/rapid"

// For tests of what lies above domain.
var (
	NewStream = newStream
	Draw      = draw
)

func (s *stream) ID() OrderID        { return s.id }
func (s *stream) Order() *Order      { return &s.order }
func (s *stream) Events() []Recorded { return s.events }

func (s *stream) Record(t rapid.TB, decided ...Event) { s.record(t, decided...) }
