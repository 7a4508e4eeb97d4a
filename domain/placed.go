package domain

import (
	"bytes"
	"encoding/json"
)

// An order's detail may have a megabyte. It is copied once on its way to the database, into the
// event's stored bytes, and what is kept of the event afterwards is a part of these.

const detailMember = `"detail":`

// appendPlaced appends the JSON of e, with every member in declared order; false if its detail is
// no JSON.
func appendPlaced(b []byte, e OrderPlaced) ([]byte, bool) {
	b = append(b, '{')
	if e.TrackingID != "" {
		b = append(AppendString(append(b, `"tracking_id":`...), e.TrackingID), ',')
	}
	if len(e.Detail) > 0 {
		buf := bytes.NewBuffer(append(b, detailMember...))
		if json.Compact(buf, e.Detail) != nil {
			return nil, false
		}
		b = append(buf.Bytes(), ',')
	}
	if e.Customer != "" {
		b = append(AppendString(append(b, `"customer":`...), e.Customer), ',')
	}
	if e.KeyHash != "" {
		b = append(AppendString(append(b, `"key_hash":`...), e.KeyHash), ',')
	}
	return bytes.TrimSuffix(b, []byte{','}), true
}

// Within is e with its raw part, if it has one, as a part of data, its stored JSON. Who keeps both
// then keeps it once. Neither may be changed.
func Within(e Event, data json.RawMessage) Event {
	p, is := e.(OrderPlaced)
	if !is || len(p.Detail) == 0 {
		return e
	}
	at := bytes.Index(data, []byte(detailMember)) // not in the tracking id, where quotes are escaped
	if at < 0 {
		return e
	}
	part := data[at+len(detailMember):]
	if !bytes.HasPrefix(part, p.Detail) {
		return e
	}
	p.Detail = part[:len(p.Detail):len(p.Detail)]
	return p
}
