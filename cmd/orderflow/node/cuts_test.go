package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"orderflow/domain"
	"orderflow/domain/work"
)

// TestCuts: what is to be cut short is tried at each look, and taken back after a while.
func TestCuts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, tries := domain.OrderID{1}, 0
		var forgotten []domain.OrderID
		away := errors.New("away")
		c := &cuts{after: time.Minute, met: map[domain.OrderID]time.Time{}, cut: func(all map[domain.OrderID]work.Control) { tries += len(all) }}
		c.forget = func(_ context.Context, id domain.OrderID) error {
			if away == nil {
				forgotten = append(forgotten, id)
			}
			return away
		}
		all := map[domain.OrderID]work.Control{one: {}}
		c.look(t.Context(), all)
		time.Sleep(59 * time.Second)
		c.look(t.Context(), all)
		if tries != 2 || len(forgotten) != 0 {
			t.Errorf("tried %d times, forgotten %v; want twice, and nothing yet", tries, forgotten)
		}
		time.Sleep(time.Second)
		c.look(t.Context(), all) // the database is away
		away = nil
		c.look(t.Context(), all)
		if tries != 4 || len(forgotten) != 1 || len(c.met) != 0 {
			t.Errorf("tried %d times, forgotten %v, %d known", tries, forgotten, len(c.met))
		}
		c.look(t.Context(), all) // somebody set it again
		c.look(t.Context(), nil)
		c.cut = nil // without workers
		c.look(t.Context(), all)
		if len(forgotten) != 1 || len(c.met) != 1 {
			t.Errorf("forgotten %v, %d known", forgotten, len(c.met))
		}
	})
}
