package rows

import (
	"encoding/json"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// requestJSON is a request as it is stored.
type requestJSON struct {
	What   string `json:"what"`
	Reason string `json:"reason"`
	Now    bool   `json:"now"`
}

// encodeRequest writes what an operator asked to become of an order; empty if nothing was asked.
func encodeRequest(r domain.Request) string {
	if !r.Made() {
		return ""
	}
	text, _ := stored.Marshal(requestJSON(r)) // texts always encode
	return string(text)
}

// decodeRequest reads what encodeRequest wrote.
func decodeRequest(text string) (domain.Request, error) {
	var r requestJSON
	if text == "" {
		return domain.Request{}, nil
	}
	err := json.Unmarshal([]byte(text), &r)
	return domain.Request(r), err
}
