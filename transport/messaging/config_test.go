package messaging_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/schema/schematest"
	"orderflow/transport/messaging"
)

func TestNewSubscriber_limits(t *testing.T) {
	db := schematest.SQLite(t)
	m := join(t, db)
	const longest = 24 * 24 * time.Hour
	good := func() messaging.Config { return messaging.Config{Tenure: m.tenure} }
	for what, change := range map[string]func(*messaging.Config){
		"no tenure":       func(c *messaging.Config) { c.Tenure = nil },
		"negative slots":  func(c *messaging.Config) { c.Slots = -1 },
		"negative poll":   func(c *messaging.Config) { c.IdlePoll = -1 },
		"negative wait":   func(c *messaging.Config) { c.CloseWait = -1 },
		"long nack delay": func(c *messaging.Config) { c.NackDelay = longest + 1 },
		"suspects":        func(c *messaging.Config) { c.AloneAfter = -1 },
		"group":           func(c *messaging.Config) { c.Group = "a'b" },
		"long group":      func(c *messaging.Config) { c.Group = strings.Repeat("g", 101) },
		"topic":           func(c *messaging.Config) { c.Topics = []string{"good", "a b"} },
	} {
		c := good()
		change(&c)
		if _, err := messaging.NewSubscriber(db, c); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", what, err)
		}
	}
	for what, change := range map[string]func(*messaging.Config){
		"defaults":       func(*messaging.Config) {},
		"longest":        func(c *messaging.Config) { c.NackDelay, c.Group = longest, strings.Repeat("g", 100) },
		"one slot":       func(c *messaging.Config) { c.Slots = 1 },
		"no nack delay":  func(c *messaging.Config) { c.NackDelay = -1 },
		"all characters": func(c *messaging.Config) { c.Group = "AZaz09-$:._" },
	} {
		c := good()
		change(&c)
		s, err := messaging.NewSubscriber(db, c)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if c.Slots == 0 && s.Slots() != 50 {
			t.Errorf("%s: %d slots, want 50", what, s.Slots())
		}
		must(t, s.Close())
	}
}

func TestSubscriber_Subscribe_limits(t *testing.T) {
	db := schematest.SQLite(t)
	s := subscriber(t, db, join(t, db), messaging.Config{})
	for what, topic := range map[string]string{"empty": "", "too long": strings.Repeat("x", 101), "quote": "a'b", "line": "a\n"} {
		if _, err := s.Subscribe(t.Context(), topic); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", what, err)
		}
		if err := s.SubscribeInitialize(topic); !errors.Is(err, domain.ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", what, err)
		}
	}
	subscribe(t, s, strings.Repeat("x", 100))
	t.Run("with a context that has ended", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ch, err := s.Subscribe(ctx, name("topic"))
		must(t, err)
		select {
		case _, open := <-ch:
			if open {
				t.Fatal("a message")
			}
		case <-time.After(patience):
			t.Fatal("the channel was not closed")
		}
	})
}

// TestSubscriber_Alive tells a loop that goes round, though the database fails, from one
// that does not.
func TestSubscriber_Alive(t *testing.T) {
	db := schematest.SQLite(t)
	m, handle := join(t, db), schematest.Again(t, db)
	s := subscriber(t, handle, m, messaging.Config{})
	if alive := s.Alive(); alive > patience {
		t.Fatalf("a new subscriber last came round %s ago", alive)
	}
	subscribe(t, s, name("topic"))
	must(t, handle.Close())
	before := time.Now()
	m.afterRounds(t, 3, nil)
	if alive, since := s.Alive(), time.Since(before); alive > since {
		t.Fatalf("after rounds in %s the last was %s ago", since, alive)
	}
	must(t, s.Close())
	at := time.Now()
	time.Sleep(5 * time.Millisecond) // time itself is what is measured
	if since := time.Since(at); s.Alive() < since {
		t.Fatalf("closed %s ago, and came round since", since)
	}
}
