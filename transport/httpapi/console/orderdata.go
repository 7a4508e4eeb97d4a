package console

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gorilla/mux"

	"orderflow/domain"
	"orderflow/projections"
)

// load reads the events of the order that a request's path names.
func (c *Console) load(r *http.Request) ([]domain.Recorded, error) {
	id, err := orderID(r)
	if err != nil {
		return nil, err
	}
	return c.conf.History.Load(r.Context(), id)
}

// orderJSON answers with the order as customers get it, at the moment that at asks for.
func (c *Console) orderJSON(r *http.Request) (Page, error) {
	events, err := c.load(r)
	if err != nil {
		return Page{}, err
	}
	s, err := stateOf(events, r.URL.Query())
	return Page{Type: "application/json", Body: append(projections.ViewOf(s.Order).AppendJSON(nil), '\n')}, err
}

// detailJSON answers with what was ordered, as it is stored.
func (c *Console) detailJSON(r *http.Request) (Page, error) {
	events, err := c.load(r)
	if err != nil {
		return Page{}, err
	}
	detail := json.RawMessage("null")
	if p, is := events[0].Event.(domain.OrderPlaced); is && len(p.Detail) > 0 {
		detail = p.Detail
	}
	return Page{Type: "application/json", Body: append(bytes.Clone(detail), '\n')}, nil
}

// eventRow is an event as the customers' API gives it.
type eventRow struct {
	Position   int64           `json:"position"`
	Partition  int             `json:"partition"`
	Version    int             `json:"version"`
	Type       string          `json:"type"`
	Data       json.RawMessage `json:"data"`
	Metadata   json.RawMessage `json:"metadata"`
	RecordedAt time.Time       `json:"recorded_at"`
	Hash       string          `json:"hash"`
}

func eventRowOf(e domain.Recorded) eventRow {
	return eventRow{e.Position, e.Partition, e.Version, e.Type, e.Data, e.RawMeta, e.RecordedAt, hex.EncodeToString(e.Hash)}
}

// eventsJSON answers with the whole history, as the customers' API does: hashes can be recomputed from it.
func (c *Console) eventsJSON(r *http.Request) (Page, error) {
	events, err := c.load(r)
	if err != nil {
		return Page{}, err
	}
	return asStored(eventRows(events))
}

func (c *Console) eventJSON(r *http.Request) (Page, error) {
	events, err := c.load(r)
	if err != nil {
		return Page{}, err
	}
	version, err := strconv.Atoi(mux.Vars(r)["version"])
	if err != nil || version < 1 || version > len(events) {
		return Page{}, ErrNoPage
	}
	return asStored(eventRowOf(events[version-1]))
}

func eventRows(events []domain.Recorded) []eventRow {
	rows := make([]eventRow, len(events))
	for i, e := range events {
		rows[i] = eventRowOf(e)
	}
	return rows
}

// asStored has what was stored as JSON as it is.
func asStored(v any) (Page, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return Page{Type: "application/json", Body: b.Bytes()}, err
}

// excerpt is the beginning of a text.
type excerpt struct {
	Text string
	Size int // bytes of the whole text
	Cut  bool
}

// mostDetail bounds what a page shows of what was ordered.
const mostDetail = 4000

// excerptOf is the beginning of JSON, indented if it is short.
func excerptOf(text json.RawMessage) excerpt {
	e := excerpt{Size: len(text)}
	var b bytes.Buffer
	if len(text) <= mostDetail && json.Indent(&b, text, "", "  ") == nil {
		e.Text = b.String()
		return e
	}
	e.Text = cut(string(text), mostDetail)
	e.Cut = len(e.Text) < e.Size
	return e
}

// cut gives the beginning of a text, at most so many bytes of it, with a sign if that is not all.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + " …"
}
