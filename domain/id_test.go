package domain

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func orderIDs() *rapid.Generator[OrderID] {
	return rapid.Custom(func(t *rapid.T) (id OrderID) {
		copy(id[:], rapid.SliceOfN(rapid.Byte(), len(id), len(id)).Draw(t, "id"))
		return id
	})
}

func TestOrderID_roundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := orderIDs().Draw(t, "id")
		for _, text := range []string{id.String(), strings.ToUpper(id.String())} {
			if again, err := ParseOrderID(text); err != nil || again != id {
				t.Fatalf("%s was read as %s, err %v", text, again, err)
			}
		}
		data, err := json.Marshal(id)
		if err != nil || string(data) != `"`+id.String()+`"` {
			t.Fatalf("JSON %s, err %v", data, err)
		}
		var again OrderID
		if err := json.Unmarshal(data, &again); err != nil || again != id {
			t.Fatalf("%s was read as %s, err %v", data, again, err)
		}
	})
}

// Ids made by time sort by time, as bytes and as text.
func TestOrderID_sorted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := orderIDs().Draw(t, "a"), orderIDs().Draw(t, "b")
		if shared := rapid.IntRange(0, len(a)).Draw(t, "shared"); shared > 0 {
			copy(b[:shared], a[:shared])
		}
		if asBytes, asText := bytes.Compare(a[:], b[:]), strings.Compare(a.String(), b.String()); asBytes != asText {
			t.Fatalf("%s and %s compare %d as bytes, %d as text", a, b, asBytes, asText)
		}
	})
}

func TestOrderID_String(t *testing.T) {
	const text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f" // the version 7 example of RFC 9562, appendix A.6
	id, err := ParseOrderID(text)
	if err != nil || id.String() != text || id[0] != 0x01 || id[6] != 0x7c || id[15] != 0x8f {
		t.Errorf("%s was read as %x, written as %s, err %v", text, id[:], id, err)
	}
	if id.IsZero() || !(OrderID{}).IsZero() {
		t.Error("only the zero id names no order")
	}
	if got, want := EventID(id, 12), text+":12"; got != want {
		t.Errorf("event id %s, want %s", got, want)
	}
}

func TestParseOrderID_invalid(t *testing.T) {
	for name, in := range map[string]string{
		"empty":          "",
		"short":          "01890a5d-ac96-774b-bcce-b302099a805",
		"long":           "01890a5d-ac96-774b-bcce-b302099a80577",
		"no hyphens":     "01890a5dac96774bbcceb302099a8057",
		"hyphens moved":  "01890a5da-c96-774b-bcce-b302099a8057",
		"no digit":       "01890a5d-ac96-774b-bcce-b302099a805g",
		"a hyphen more":  "01890a5d-ac96-774b-bcce-b302099-8057",
		"braces":         "{1890a5d-ac96-774b-bcce-b302099a805}",
		"very long text": strings.Repeat("x", 10000),
	} {
		_, err := ParseOrderID(in)
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: err = %v, want ErrInvalid", name, err)
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: the error repeats %d bytes", name, len(err.Error()))
		}
		var id OrderID
		if err := id.UnmarshalText([]byte(in)); !errors.Is(err, ErrInvalid) || !id.IsZero() {
			t.Errorf("%s: UnmarshalText gave %s, err %v", name, id, err)
		}
	}
}
