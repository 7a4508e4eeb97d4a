package handlers

import (
	"context"
	"errors"
	"testing"

	"orderflow/domain"
	"orderflow/domain/work"
)

// fakeLetter remembers what was decided on it.
type fakeLetter struct {
	body      []byte
	requeued  int
	with      *work.Unit // with the last time
	discarded int
	err       error
}

func (l *fakeLetter) Body() []byte { return l.body }

func (l *fakeLetter) Requeue(_ context.Context, unit *work.Unit) error {
	l.requeued++
	l.with = unit
	return l.err
}

func (l *fakeLetter) Discard(context.Context) error {
	l.discarded++
	return l.err
}

// parkedBench is an order that was parked in its first step, and its letter.
func parkedBench(t *testing.T) (*bench, *fakeLetter) {
	t.Helper()
	b := newBench(t)
	b.append(nil, domain.StartStep{Step: domain.Scheduling, Attempt: 1, Node: "n1"},
		domain.InterruptStep{Step: domain.Scheduling, Attempt: 1, Reason: "lost"}, domain.Park{Reason: "interrupted 3 times"})
	return b, &fakeLetter{body: work.EncodePayload(b.id)}
}

func TestLetters_Requeue(t *testing.T) {
	meta := domain.Metadata{Actor: "operator:ada", RunBy: "ada (uid 1)"}
	t.Run("a parked order is resumed with its letter", func(t *testing.T) {
		b, letter := parkedBench(t)
		resumed, err := Letters{Orders: b.cluster}.Requeue(t.Context(), letter, meta, "the press is mended")
		if err != nil || resumed != b.id || letter.requeued != 1 || letter.with == nil {
			t.Fatalf("resumed %s with %+v (err %v)", resumed, letter, err)
		}
		u := letter.with
		if len(u.Events) != 1 || u.Events[0] != (domain.OrderResumed{Reason: "the press is mended"}) || u.Expected != 4 || len(u.Messages) != 0 {
			t.Errorf("with the unit %+v", u)
		}
		if m := u.Metadata; m.Actor != meta.Actor || m.RunBy != meta.RunBy || m.CausationID != domain.EventID(b.id, 4) {
			t.Errorf("with the metadata %+v", m)
		}
	})
	for name, body := range map[string][]byte{
		"of an order that is not parked": work.EncodePayload(domain.OrderID{1}),
		"of no order that there is":      work.EncodePayload(domain.OrderID{9}),
		"that names no order":            []byte("?"),
	} {
		t.Run("a letter "+name, func(t *testing.T) {
			letter := &fakeLetter{body: body}
			resumed, err := Letters{Orders: newBench(t).cluster}.Requeue(t.Context(), letter, meta, "r")
			if err != nil || !resumed.IsZero() || letter.requeued != 1 || letter.with != nil {
				t.Errorf("resumed %s with %+v (err %v), want the letter alone", resumed, letter, err)
			}
		})
	}
	t.Run("an order that cannot be read", func(t *testing.T) {
		b, letter := parkedBench(t)
		b.newer = true
		if _, err := (Letters{Orders: b.cluster}).Requeue(t.Context(), letter, meta, "r"); !errors.Is(err, domain.ErrNewer) || letter.requeued != 0 {
			t.Errorf("err = %v, want ErrNewer; %+v", err, letter)
		}
	})
	t.Run("a letter that is gone", func(t *testing.T) {
		b, letter := parkedBench(t)
		letter.err = domain.ErrNotFound
		if _, err := (Letters{Orders: b.cluster}).Requeue(t.Context(), letter, meta, "r"); !errors.Is(err, domain.ErrNotFound) {
			t.Errorf("err = %v, want ErrNotFound", err)
		}
	})
}

func TestLetters_Discard(t *testing.T) {
	b, letter := parkedBench(t)
	if err := (Letters{Orders: b.cluster}).Discard(t.Context(), letter); err == nil || letter.discarded != 0 {
		t.Errorf("the letter of a parked order: err %v, %+v", err, letter)
	}
	for _, body := range [][]byte{work.EncodePayload(domain.OrderID{9}), []byte("?")} {
		letter := &fakeLetter{body: body}
		if err := (Letters{Orders: b.cluster}).Discard(t.Context(), letter); err != nil || letter.discarded != 1 {
			t.Errorf("%s: err %v, %+v; want it discarded", body, err, letter)
		}
	}
}
