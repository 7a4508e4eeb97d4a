package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

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
	b = strconv.AppendInt(append(b, `{"position":`...), r.Position, 10)
	b = strconv.AppendInt(append(b, `,"partition":`...), int64(r.Partition), 10)
	b = strconv.AppendInt(append(b, `,"version":`...), int64(r.Version), 10)
	typ, _ := json.Marshal(r.Type) // a string always is JSON
	b = fmt.Appendf(b, `,"type":%s,"data":%s,"metadata":%s`, typ, r.Data, r.RawMeta)
	return fmt.Appendf(b, `,"recorded_at":"%s","hash":"%x"}`, stored.AppendTime(nil, r.RecordedAt), r.Hash)
}
