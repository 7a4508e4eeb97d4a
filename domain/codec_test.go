package domain

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
)

// noted is an event whose shape has changed twice: first {"text": "a"}, then
// {"texts": ["a"]}, now {"notes": [{"text": "a"}]}.
type noted struct {
	Notes []note `json:"notes"`
}

type note struct {
	Text string `json:"text"`
}

func (noted) EventType() string { return "Noted" }

func textToTexts(data json.RawMessage) (json.RawMessage, error) {
	var old struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	if old.Text == "unreadable" {
		return nil, errors.New("cannot be read")
	}
	return json.Marshal(map[string][]string{"texts": {old.Text}})
}

func textsToNotes(data json.RawMessage) (json.RawMessage, error) {
	var old struct {
		Texts []string `json:"texts"`
	}
	if err := json.Unmarshal(data, &old); err != nil {
		return nil, err
	}
	var now noted
	for _, text := range old.Texts {
		now.Notes = append(now.Notes, note{Text: text})
	}
	return json.Marshal(now)
}

func TestCodec_Decode_upcast(t *testing.T) {
	c := NewCodec()
	register[noted](c, 3, textToTexts, textsToNotes)
	for schema, stored := range map[int]string{
		1: `{"text":"a"}`,
		2: `{"texts":["a"]}`,
		3: `{"notes":[{"text":"a"}]}`,
	} {
		e, err := c.Decode("Noted", schema, json.RawMessage(stored))
		if got := fmt.Sprintf("%+v", e); err != nil || got != "{Notes:[{Text:a}]}" {
			t.Errorf("schema %d: %s, err %v; want one note a", schema, got, err)
		}
	}
	data, schema, err := c.Encode(noted{Notes: []note{{Text: "b"}}})
	if err != nil || schema != 3 || string(data) != `{"notes":[{"text":"b"}]}` {
		t.Errorf("encoded %s at schema %d, err %v; want the present shape at 3", data, schema, err)
	}
	for name, c := range map[string]struct {
		codec  *Codec
		schema int
		stored string
		text   string
	}{
		"an upcaster fails":     {c, 1, `{"text":"unreadable"}`, "cannot be read"},
		"an upcaster lacks":     {lacking(), 1, `{"text":"a"}`, "no upcaster"},
		"from before the first": {c, 0, `{}`, "schema version 0"},
	} {
		if _, err := c.codec.Decode("Noted", c.schema, json.RawMessage(c.stored)); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: err = %v, want ErrCorrupt with %q", name, err, c.text)
		}
	}
}

func lacking() *Codec {
	c := NewCodec()
	register[noted](c, 3, textToTexts)
	return c
}

func TestCodec_Decode_corrupt(t *testing.T) {
	c := NewCodec()
	for name, in := range map[string]struct{ typ, data string }{
		"not JSON":      {"StepStarted", `{"step":`},
		"wrong type":    {"StepStarted", `{"attempt":"one"}`},
		"trailing data": {"StepStarted", `{} {}`},
		"empty":         {"StepStarted", ``},
	} {
		if _, err := c.Decode(in.typ, 1, json.RawMessage(in.data)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: err = %v, want ErrCorrupt", name, err)
		}
	}
}

// unencodable has no JSON.
type unencodable struct{ Value float64 }

func (unencodable) EventType() string { return "Unencodable" }

func TestCodec_Encode(t *testing.T) {
	c := NewCodec()
	if _, _, err := c.Encode(noted{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown type: err = %v, want ErrInvalid", err)
	}
	register[unencodable](c, 1)
	if _, _, err := c.Encode(unencodable{math.NaN()}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no JSON: err = %v, want ErrInvalid", err)
	}
	if _, _, err := c.Encode(OrderPlaced{Detail: json.RawMessage(`{`)}); !errors.Is(err, ErrInvalid) {
		t.Errorf("broken detail: err = %v, want ErrInvalid", err)
	}
	data, _, err := c.Encode(OrderPlaced{Detail: json.RawMessage("{ \"b\" : 1.0,\n\t\"a\":[ ] }")})
	if want := `{"detail":{"b":1.0,"a":[]}}`; err != nil || string(data) != want {
		t.Errorf("encoded %s, err %v; want %s: compact, and otherwise as it came", data, err, want)
	}
}
