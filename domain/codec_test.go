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

func (noted) eventType() string { return "Noted" }

func textToTexts(data []byte) ([]byte, error) {
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

func textsToNotes(data []byte) ([]byte, error) {
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
	c := newCodec()
	register[noted](c, textToTexts, textsToNotes)
	for schema, stored := range map[int]string{
		1: `{"text":"a"}`,
		2: `{"texts":["a"]}`,
		3: `{"notes":[{"text":"a"}]}`,
	} {
		e, err := c.decode("Noted", schema, stored)
		if got := fmt.Sprintf("%+v", e); err != nil || got != "{Notes:[{Text:a}]}" {
			t.Errorf("schema %d: %s, err %v; want one note a", schema, got, err)
		}
	}
	encoded, err := c.encode(EventLevel, noted{Notes: []note{{Text: "b"}}})
	if err != nil || encoded.Schema != 3 || string(encoded.Data) != `{"notes":[{"text":"b"}]}` {
		t.Errorf("encoded %+v, err %v; want the present shape at 3", encoded, err)
	}
	for name, in := range map[string]struct {
		schema int
		stored string
		text   string
	}{
		"an upcaster fails":     {1, `{"text":"unreadable"}`, "cannot be read"},
		"from before the first": {0, `{}`, "schema version 0"},
	} {
		if _, err := c.decode("Noted", in.schema, in.stored); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), in.text) {
			t.Errorf("%s: err = %v, want ErrCorrupt with %q", name, err, in.text)
		}
	}
}

func TestCodec_Decode_corrupt(t *testing.T) {
	c := newCodec()
	for name, in := range map[string]struct{ typ, data string }{
		"not JSON":      {"StepStarted", `{"step":`},
		"wrong type":    {"StepStarted", `{"attempt":"one"}`},
		"trailing data": {"StepStarted", `{} {}`},
		"empty":         {"StepStarted", ``},
	} {
		if _, err := c.decode(in.typ, 1, in.data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: err = %v, want ErrCorrupt", name, err)
		}
	}
}

// unencodable has no JSON.
type unencodable struct{ Value float64 }

func (unencodable) eventType() string { return "Unencodable" }

func TestCodec_Encode(t *testing.T) {
	c := newCodec()
	if _, err := c.encode(EventLevel, noted{}); !errors.Is(err, ErrInvalid) {
		t.Errorf("unknown type: err = %v, want ErrInvalid", err)
	}
	register[unencodable](c)
	if _, err := c.encode(EventLevel, unencodable{math.NaN()}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no JSON: err = %v, want ErrInvalid", err)
	}
	if _, err := c.encode(EventLevel, OrderPlaced{Detail: json.RawMessage(`{`)}); !errors.Is(err, ErrInvalid) {
		t.Errorf("broken detail: err = %v, want ErrInvalid", err)
	}
	encoded, err := c.encode(EventLevel, OrderPlaced{Detail: json.RawMessage("{ \"b\" : 1.0,\n\t\"a\":[ ] }")})
	if want := `{"detail":{"b":1.0,"a":[]}}`; err != nil || string(encoded.Data) != want {
		t.Errorf("encoded %s, err %v; want %s: compact, and otherwise as it came", encoded.Data, err, want)
	}
}
