package verify

import (
	"bytes"

	"orderflow/domain"
	"orderflow/projections/internal/rows"
)

// merge brings rows and events, both in order of the order's id, together.
type merge struct {
	rows []rows.Row // those not yet met
	done func(*comparison)
	at   *comparison // the order whose events are coming
}

// event takes the next event; unreadable is why it could not be decoded.
func (m *merge) event(r domain.Recorded, unreadable error) {
	if m.at == nil || m.at.id != r.OrderID {
		m.finish()
		m.skipTo(r.OrderID)
		m.at = newComparison(r.OrderID, m.rowOf(r.OrderID))
	}
	if unreadable != nil && m.at.broken == nil {
		m.at.broken = unreadable
	}
	m.at.event(r)
}

// end is called after the last event.
func (m *merge) end() {
	m.finish()
	m.skipTo(rows.LastID)
	if r := m.rowOf(rows.LastID); r != nil {
		m.done(newComparison(rows.LastID, r))
	}
}

func (m *merge) finish() {
	if m.at != nil {
		m.done(m.at)
		m.at = nil
	}
}

// skipTo finishes the rows before an order, which have no events.
func (m *merge) skipTo(id domain.OrderID) {
	for len(m.rows) > 0 && bytes.Compare(m.rows[0].ID[:], id[:]) < 0 {
		r := m.rows[0]
		m.rows = m.rows[1:]
		m.done(newComparison(r.ID, &r))
	}
}

func (m *merge) rowOf(id domain.OrderID) *rows.Row {
	if len(m.rows) == 0 || m.rows[0].ID != id {
		return nil
	}
	r := m.rows[0]
	m.rows = m.rows[1:]
	return &r
}
