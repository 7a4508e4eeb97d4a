package httpapi_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/transport/httpapi"
)

// fixedHistory is the history of every order.
type fixedHistory []domain.Recorded

func (h fixedHistory) Load(context.Context, domain.OrderID) ([]domain.Recorded, error) { return h, nil }

func historyOf(events ...domain.Recorded) func(*httpapi.APIConfig) {
	return func(c *httpapi.APIConfig) { c.History = fixedHistory(events) }
}

// What is stored is answered byte for byte, white space and all: the hash is over
// these bytes.
func TestAPI_events_storedBytes(t *testing.T) {
	event := domain.Recorded{
		OrderID: anID(), Version: 2, Partition: 3, Position: 9007199254740993, Type: "StepStarted",
		Data:       []byte("{ \"step\":\"Scheduling\", \"attempt\":1,\"node\":\"<n>\u2028\" }"),
		RawMeta:    []byte(`{"schema": 1, "actor":"worker"}`),
		RecordedAt: at.Truncate(time.Second).In(time.FixedZone("", 3600)), Hash: bytes.Repeat([]byte{0x0f}, 32),
	}
	r := newRig(historyOf(event, event))
	one := `{"position":9007199254740993,"partition":3,"version":2,"type":"StepStarted","data":` + string(event.Data) +
		`,"metadata":` + string(event.RawMeta) + `,"recorded_at":"2026-01-31T12:00:00.000000Z",` +
		`"hash":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f"}`
	wantBody(t, do(t, r, request{path: "/v1/orders/" + theID + "/events"}), http.StatusOK, "["+one+","+one+"]\n")
}

// Half a history must not look like a whole one.
func TestAPI_events_corrupt(t *testing.T) {
	for name, event := range map[string]domain.Recorded{
		"data":     {OrderID: anID(), Version: 1, Data: []byte(`{`), RawMeta: []byte(`{}`)},
		"metadata": {OrderID: anID(), Version: 1, Data: []byte(`{}`)},
	} {
		t.Run(name, func(t *testing.T) {
			path := "/v1/orders/" + theID + "/events"
			wantProblem(t, do(t, newRig(historyOf(event)), request{path: path}), path, internal)
		})
	}
}
