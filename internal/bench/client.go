package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"orderflow/domain"
)

// client speaks HTTP to a node.
type client struct {
	http *http.Client
	base string
}

func newClient(base string, connections int) client {
	return client{base: base, http: &http.Client{
		Timeout:   stalled,
		Transport: &http.Transport{MaxIdleConns: connections, MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections},
	}}
}

func (c client) close() { c.http.CloseIdleConnections() }

// call sends a request, and wants the status.
func (c client) call(ctx context.Context, method, path string, body []byte, want int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != want {
		return nil, fmt.Errorf("%s %s: %s: %.200s", method, path, resp.Status, answer)
	}
	return answer, nil
}

func (c client) place(ctx context.Context, trackingID string, detail json.RawMessage) (domain.OrderID, error) {
	body, err := json.Marshal(struct {
		TrackingID string          `json:"tracking_id"`
		Detail     json.RawMessage `json:"detail"`
	}{trackingID, detail})
	if err != nil {
		return domain.OrderID{}, err
	}
	answer, err := c.call(ctx, http.MethodPost, "/v1/orders", body, http.StatusAccepted)
	if err != nil {
		return domain.OrderID{}, err
	}
	var placed struct {
		OrderID domain.OrderID `json:"order_id"`
	}
	return placed.OrderID, json.Unmarshal(answer, &placed)
}

// get reads what is at a path.
func (c client) get(ctx context.Context, path string) error {
	_, err := c.call(ctx, http.MethodGet, path, nil, http.StatusOK)
	return err
}
