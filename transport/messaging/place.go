package messaging

import (
	"context"
	"errors"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
)

// place is where in the log a message belongs. It travels in the message's context
// from Outbox to the schema adapter, which Watermill calls in between.
type place struct {
	partition int
	position  int64
	at        time.Time
}

type placeKey struct{}

var errNoPlace = errors.New("the message has no place in the log: publish it through Outbox or Publisher")

func withPlace(m *message.Message, p place) *message.Message {
	m.SetContext(context.WithValue(m.Context(), placeKey{}, p))
	return m
}

func placeOf(m *message.Message) (place, error) {
	p, ok := m.Context().Value(placeKey{}).(place)
	if !ok {
		return place{}, errNoPlace
	}
	return p, nil
}
