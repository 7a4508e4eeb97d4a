package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/sirupsen/logrus"

	"orderflow/projections"
)

// dangerous is what nobody may find on a terminal.
const dangerous = "\x1b[2J\x07\x00\x7f\u0085\u009b31m\u202e\u202a\u2066\u2069\u200e\u200f\u061c"

func wantVisible(t *testing.T, what, text string) {
	t.Helper()
	if at := strings.IndexFunc(text, hidden); at >= 0 {
		t.Errorf("%s: %q is not visible at byte %d", what, text, at)
	}
}

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"Grüße, 世界 🚚\n\tnext":    "Grüße, 世界 🚚\n\tnext",
		"a\x1b[31mb":             `a\u001b[31mb`,
		"a\u202eb\u2069":         `a\u202eb\u2069`,
		"\u061c\u200e\u200f\x7f": `\u061c\u200e\u200f\u007f`,
		"\u0085\u009b":           `\u0085\u009b`,
		"a\xffb\xc3":             `a\xffb\xc3`,
		"a\rb":                   `a\u000db`,
	} {
		if got := visible(text); got != want {
			t.Errorf("%q is shown as %s, want %s", text, got, want)
		}
	}
	wantVisible(t, "everything", visible(dangerous))
}

// What customers and operators wrote is shown escaped wherever it is printed.
func TestOutput_visible(t *testing.T) {
	tracking := "A\t" + dangerous + "\nB"
	detail, err := json.Marshal(map[string]string{"note": dangerous})
	if err != nil {
		t.Fatal(err)
	}
	var text, notes bytes.Buffer
	out := &output{w: &text, notes: &notes}
	view := projections.OrderView{TrackingID: tracking, Detail: detail}
	if err := printOrder(out, view); err != nil {
		t.Fatal(err)
	}
	if err := printReplay(out, replay{End: view}); err != nil {
		t.Fatal(err)
	}
	out.notef("%s", tracking)
	complain(&notes, nil, errors.New(tracking), "")
	wantVisible(t, "results", text.String())
	wantVisible(t, "notes", notes.String())
	if row := strings.Split(text.String(), "\n")[1]; !strings.Contains(row, ` A \u001b[2J`) || !strings.Contains(row, `\u061c B `) {
		t.Errorf("the tracking id does not stand in its row: %q", row)
	}
}

// JSON goes to programs as it is, and to a terminal as the same JSON.
func TestScreen_json(t *testing.T) {
	value := map[string]any{"tracking_id": dangerous, "n": 1.5}
	var exact, seen bytes.Buffer
	for _, out := range []*output{{w: &exact}, {w: screen{&seen}}} {
		if err := out.json(value); err != nil {
			t.Fatal(err)
		}
	}
	wantVisible(t, "a screen", seen.String())
	if !strings.Contains(exact.String(), "\u202e") {
		t.Errorf("a program gets %s", &exact)
	}
	for _, text := range []string{exact.String(), seen.String()} {
		var back map[string]any
		if err := json.Unmarshal([]byte(text), &back); err != nil || !reflect.DeepEqual(back, value) {
			t.Errorf("%s is read as %v (%v)", text, back, err)
		}
	}
}

// Logs are made visible in the format for people.
func TestLog_visible(t *testing.T) {
	var text bytes.Buffer
	log, err := newLog(&text, "info", "text")
	if err != nil {
		t.Fatal(err)
	}
	log.WithField("order", dangerous).WithError(errors.New(dangerous)).Info(dangerous)
	wantVisible(t, "a line", text.String())
	text.Reset()
	log.SetFormatter(readable{&logrus.TextFormatter{ForceColors: true}})
	log.WithField("order", dangerous).Info(dangerous)
	colors := regexp.MustCompile("\x1b\\[[0-9]*m")
	wantVisible(t, "a line in colors", colors.ReplaceAllString(text.String(), ""))
}
