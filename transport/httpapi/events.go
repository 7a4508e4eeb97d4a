package httpapi

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"orderflow/domain"
	"orderflow/domain/stored"
)

// events answers with the whole history of an order.
func (a *api) events(w http.ResponseWriter, r *http.Request) error {
	id, err := orderID(r)
	if err != nil {
		return err
	}
	err = a.answers.send(r.Context(), w, orderSize, func(b []byte) ([]byte, error) {
		history, err := a.history.Load(r.Context(), id)
		if err != nil {
			return nil, err
		}
		return appendHistory(b, history)
	})
	return orderError(id, err)
}

// appendHistory writes data and metadata as the very bytes that are stored, so that
// the hashes can be recomputed from the answer.
func appendHistory(body []byte, history []domain.Recorded) ([]byte, error) {
	body = append(body, '[')
	for i, event := range history {
		if !json.Valid(event.Data) || !json.Valid(event.RawMeta) {
			return nil, fmt.Errorf("%w: event %s is not stored as JSON", domain.ErrCorrupt, domain.EventID(event.OrderID, event.Version))
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = appendEvent(body, event)
	}
	return append(body, ']'), nil
}

func appendEvent(b []byte, r domain.Recorded) []byte {
	o := stored.NewObject(b)
	o.Number("position", int(r.Position))
	o.Number("partition", r.Partition)
	o.Number("version", r.Version)
	o.Text("type", r.Type)
	o.Raw("data", r.Data)
	o.Raw("metadata", r.RawMeta)
	o.Time("recorded_at", r.RecordedAt)
	o.Text("hash", hex.EncodeToString(r.Hash))
	return o.End()
}
