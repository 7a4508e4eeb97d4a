package rows

import (
	"encoding/json"
	"fmt"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// requestJSON is a request as it is stored.
type requestJSON struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Now    bool   `json:"now"`
	At     string `json:"at"`
}

// encodeRequest writes what an operator asked to become of an order; empty if nothing was asked.
func encodeRequest(r domain.Request) string {
	if !r.Made() {
		return ""
	}
	text, _ := stored.Marshal(requestJSON{What: r.What, Reason: r.Reason, Now: r.Now, At: string(stored.AppendTime(nil, r.At))}) // texts always encode
	return string(text)
}

// decodeRequest reads what encodeRequest wrote.
func decodeRequest(text string) (domain.Request, error) {
	if text == "" {
		return domain.Request{}, nil
	}
	var r requestJSON
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return domain.Request{}, err
	}
	at, ok := stored.ParseTime(r.At)
	if !ok {
		return domain.Request{}, fmt.Errorf("%q is no time", r.At)
	}
	return domain.Request{What: r.What, Reason: r.Reason, Now: r.Now, At: at}, nil
}
