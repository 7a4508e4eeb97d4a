package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/schema"
)

// written is a log and what it has written.
type written struct {
	t *testing.T
	*logrus.Logger
	text *buffer
}

func newWritten(t *testing.T) *written {
	t.Helper()
	text := &buffer{}
	log, err := newLog(text, "debug", "json")
	if err != nil {
		t.Fatal(err)
	}
	return &written{t, log, text}
}

// lines gives the messages written since the last call, with what was left out.
func (w *written) lines() (all []string) {
	w.t.Helper()
	for line := range strings.Lines(w.text.String()) {
		var said struct {
			Level, Msg, Line string
			LeftOut          int `json:"left_out"`
		}
		if err := json.Unmarshal([]byte(line), &said); err != nil {
			w.t.Fatal(err)
		}
		if said.Line != "" {
			said.Msg = fmt.Sprintf("%d more: %s", said.LeftOut, said.Line)
		}
		all = append(all, said.Level+" "+said.Msg)
	}
	w.text.reset()
	return all
}

func (w *written) want(want ...string) {
	w.t.Helper()
	synctest.Wait()
	if got := w.lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		w.t.Errorf("written is\n%q, want\n%q", got, want)
	}
}

// TestSparing_burst: the same error is not written six times in a moment.
func TestSparing_burst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWritten(t)
		for i := range 6 { // of one kind, about different things
			err := fmt.Errorf("topic %d: %w", i, schema.ErrUnavailable)
			w.WithField("part", "messaging").WithField("topic", i).WithError(err).Error("trying again")
		}
		w.want("error trying again")
		time.Sleep(sayAgain)
		w.want("error 5 more: trying again")
		time.Sleep(time.Hour)
		w.want()
	})
}

// TestSparing_tellAll: at the end nothing stays untold.
func TestSparing_tellAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWritten(t)
		w.Warn("same")
		w.Warn("same")
		w.Warn("once")
		w.Formatter.(*sparing).tellAll(w.Logger)
		w.want("warning same", "warning once", "warning 1 more: same")
		time.Sleep(sayAgain)
		w.want()
	})
}

// TestSparing_lasting: while it lasts, trouble is written now and then, and afterwards no more.
func TestSparing_lasting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWritten(t)
		for range 35 {
			w.WithError(domain.ErrUnavailable).Warn("no answer")
			time.Sleep(time.Second)
		}
		time.Sleep(sayAgain)
		var once, more int
		for _, line := range w.lines() {
			var n int
			if _, err := fmt.Sscanf(line, "warning %d more:", &n); err == nil {
				more += n
			} else {
				once++
			}
		}
		if once < 3 || once > 4 || once+more != 35 {
			t.Errorf("of 35 lines %d were written and %d counted; want 3 or 4, and the others", once, more)
		}
	})
}

// TestSparing_different: what is not the same is written.
func TestSparing_different(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWritten(t)
		for name, say := range map[string]func(i int){
			"information":              func(int) { w.Info("x") },
			"another order":            func(i int) { w.WithField("order_id", i).Warn("x") },
			"another error":            func(i int) { w.WithError(fmt.Errorf("bad %d", i)).Warn("x") },
			"another level":            func(i int) { w.Log([]logrus.Level{logrus.WarnLevel, logrus.ErrorLevel}[i], "y") },
			"another part":             func(i int) { w.WithField("part", i).WithError(domain.ErrUnavailable).Warn("x") },
			"another message":          func(i int) { w.WithError(domain.ErrUnavailable).Warn(i) },
			"the answer to a request":  func(int) { w.WithField("status", 503).WithError(domain.ErrUnavailable).Warn("x") },
			"the answer that is wrong": func(int) { w.WithField("status", 500).WithError(errors.New("z")).Error("x") },
		} {
			say(0)
			say(1)
			if n := len(w.lines()); n != 2 {
				t.Errorf("%s: of two lines %d were written", name, n)
			}
		}
		w.Warn("same")
		w.Warn("same")
		w.want("warning same")
		time.Sleep(sayAgain)
		w.want("warning 1 more: same")
	})
}
