package node

import (
	"context"
	"testing"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/domain/work"
)

// TestWanted: a node that has never read what operators want begins nothing. One that cannot read it any more goes on
// with what it knew.
func TestWanted(t *testing.T) {
	var controls work.Controls
	err := domain.ErrUnavailable
	w := &wanted{read: func(context.Context) (work.Controls, error) { return controls, err }, self: self{name: "w1", log: logrus.New()}}
	holds := func(want ...string) {
		t.Helper()
		w.look(t.Context())
		var held []string
		for _, topic := range work.Topics() {
			if w.held(topic) {
				held = append(held, topic)
			}
		}
		if domain.List(held) != domain.List(want) {
			t.Errorf("%v are held, want %v", held, want)
		}
	}
	holds(work.Topics()...)
	if w.unknown() == nil {
		t.Error("it knows what it has never read")
	}
	controls, err = work.Controls{{Kind: work.ControlStep, Name: "Processing"}, {Kind: work.ControlNode, Name: "w2"}}, nil
	holds("processing")
	controls, err = nil, domain.ErrUnavailable
	holds("processing")
	if err := w.unknown(); err != nil {
		t.Error(err)
	}
	controls, err = work.Controls{{Kind: work.ControlNode, Name: "w1"}}, nil
	holds(work.Topics()...)
	controls = nil
	holds()
}
