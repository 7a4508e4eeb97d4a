package handlers

import (
	"cmp"
	"fmt"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"orderflow/domain"
	"orderflow/domain/work"
)

// RouterConfig is what a router is made of.
type RouterConfig struct {
	// Subscriber delivers messages under leases, several at once. Required.
	Subscriber message.Subscriber
	// Steps handles them. Required.
	Steps *Steps
	// DeadLetters takes messages that cannot be dealt with. Required.
	DeadLetters DeadLetters
	// CloseTimeout is how long closing the router waits for handlers whose contexts have
	// been canceled, and for the subscriber. 20 s by default.
	CloseTimeout time.Duration
	// Logger hears of errors that handlers return. Silent if nil.
	Logger watermill.LoggerAdapter
}

// NewRouter makes a router with one handler for each of work.Topics. From the outside
// in, a message passes: room on the stack, names for errors, recovery from panics, correlation id, dead letters.
func NewRouter(c RouterConfig) (*message.Router, error) {
	if c.Subscriber == nil || c.Steps == nil || c.DeadLetters == nil {
		return nil, fmt.Errorf("%w: a router needs a subscriber, step handlers and dead letters", domain.ErrInvalid)
	}
	c.CloseTimeout = cmp.Or(c.CloseTimeout, 20*time.Second)
	if c.Logger == nil {
		c.Logger = watermill.NopLogger{}
	}
	router, err := message.NewRouter(message.RouterConfig{CloseTimeout: c.CloseTimeout}, c.Logger)
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	router.AddMiddleware(roomy, identify, middleware.Recoverer, correlate)
	for _, topic := range work.Topics() {
		handler := router.AddConsumerHandler(topic, topic, c.Subscriber, c.Steps.Handler(topic))
		handler.AddMiddleware(poison(c.DeadLetters, c.Logger))
	}
	return router, nil
}
