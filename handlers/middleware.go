package handlers

import (
	"context"
	"errors"
	"fmt"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"orderflow/domain"
	"orderflow/domain/work"
)

// DeadLetters takes messages that cannot be dealt with.
type DeadLetters interface {
	// Park moves the message of a lease to the dead letters; domain.ErrFenced if the lease
	// is no longer held.
	Park(ctx context.Context, l work.Lease, reason string) error
}

// identify makes every error, that of a panic too, name its order and request in the log.
func identify(next message.HandlerFunc) message.HandlerFunc {
	return func(msg *message.Message) ([]*message.Message, error) {
		produced, err := next(msg)
		if err != nil {
			err = &workError{msg, err}
		}
		return produced, err
	}
}

// workError is an error about a message. It gives the log the message's order and request, since the
// router knows only the UUID.
type workError struct {
	msg *message.Message
	error
}

func (e *workError) Unwrap() error { return e.error }

// LogFields are the order and the request that placed it, as far as the message names them.
func (e *workError) LogFields() map[string]any {
	fields := map[string]any{"correlation_id": e.msg.Metadata[work.MetadataCorrelation]}
	if id, err := work.DecodePayload(e.msg.Payload); err == nil {
		fields["order_id"] = id.String()
	}
	return fields
}

// correlate makes sure that there is a correlation id: a message that came without one
// starts a chain under its own name.
func correlate(next message.HandlerFunc) message.HandlerFunc {
	next = middleware.CorrelationID(next)
	return func(msg *message.Message) ([]*message.Message, error) {
		middleware.SetCorrelationID(msg.UUID, msg)
		return next(msg)
	}
}

// poison sends messages that can never be dealt with to the dead letters and has them
// acked. All other errors are left to be tried again.
func poison(letters DeadLetters, logger watermill.LoggerAdapter) message.HandlerMiddleware {
	return func(next message.HandlerFunc) message.HandlerFunc {
		return func(msg *message.Message) ([]*message.Message, error) {
			produced, err := next(msg)
			delivery := work.DeliveryFrom(msg.Context())
			if delivery == nil || !hopeless(err) {
				return produced, err
			}
			parked := letters.Park(msg.Context(), delivery.Lease(), cut(err.Error()))
			if parked == nil {
				delivery.Settled()
			}
			if parked != nil && !errors.Is(parked, domain.ErrFenced) {
				return nil, errors.Join(err, fmt.Errorf("move it to the dead letters: %w", parked))
			}
			logger.Error("a message that cannot be handled went to the dead letters", &workError{msg, err}, watermill.LogFields{"message_uuid": msg.UUID})
			return nil, nil
		}
	}
}

// hopeless says that an error is the message's own and will be there the next time.
func hopeless(err error) bool {
	return errors.Is(err, domain.ErrInvalid) || errors.Is(err, domain.ErrNotFound) || errors.Is(err, domain.ErrCorrupt)
}
