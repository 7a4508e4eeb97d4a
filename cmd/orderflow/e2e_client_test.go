package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// client speaks HTTP to a node.
type client struct {
	t     *testing.T
	base  string
	token string
}

func (p *spawned) api() client   { return client{t: p.t, base: "http://" + p.Listen} }
func (p *spawned) admin() client { return client{t: p.t, base: "http://" + p.Admin} }

// requests do not outlive a node that hangs.
var requests = &http.Client{Timeout: patience}

// call sends a request and gives the status and body of the answer; -1 if there was
// none. It may be called from any goroutine.
func (c client) call(method, path, body string) (status int, header http.Header, answer []byte) {
	req, err := http.NewRequest(method, c.base+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return -1, nil, []byte(err.Error())
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := requests.Do(req)
	if err != nil {
		return -1, nil, []byte(err.Error())
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err = io.ReadAll(resp.Body)
	if err != nil {
		return -1, nil, []byte(err.Error())
	}
	return resp.StatusCode, resp.Header, answer
}

// get reads what has to be there into v.
func (c client) get(path string, v any) []byte {
	c.t.Helper()
	status, _, body := c.call(http.MethodGet, path, "")
	if status != http.StatusOK {
		c.t.Fatalf("GET %s: %d %s", path, status, body)
	}
	if v != nil {
		if err := json.Unmarshal(body, v); err != nil {
			c.t.Fatalf("GET %s: %v\n%s", path, err, body)
		}
	}
	return body
}

// order is an order that the test has placed.
type order struct {
	id       string
	tracking string
	detail   string
	placed   time.Time // when the answer came
}

// batches numbers the calls of place, so that no two place the same order.
var batches atomic.Int64

// place places n orders, ten at a time.
func (c client) place(n int) []order {
	c.t.Helper()
	orders, batch := make([]order, n), batches.Add(1)
	var wg sync.WaitGroup
	turns := make(chan int)
	for range 10 {
		wg.Go(func() {
			for i := range turns {
				o, err := c.placeOne(fmt.Sprintf("%s-%d-%d", c.t.Name(), batch, i), fmt.Sprintf(`{"sku":"A-%d","note":"<ä&\u20ac>","price":12.30}`, i))
				if err != nil {
					c.t.Error(err)
				}
				orders[i] = o
			}
		})
	}
	for i := range n {
		turns <- i
	}
	close(turns)
	wg.Wait()
	if c.t.Failed() {
		c.t.FailNow()
	}
	return orders
}

func (c client) placeOne(tracking, detail string) (order, error) {
	status, header, body := c.call(http.MethodPost, "/v1/orders", fmt.Sprintf(`{"tracking_id": %q, "detail": %s}`, tracking, detail))
	var answer struct {
		OrderID string `json:"order_id"`
		Status  string `json:"status"`
	}
	if status != http.StatusAccepted || json.Unmarshal(body, &answer) != nil || answer.Status != "Pending" {
		return order{}, fmt.Errorf("place %s: %d %s", tracking, status, body)
	}
	if got, want := header.Get("Location"), "/v1/orders/"+answer.OrderID; got != want {
		return order{}, fmt.Errorf("place %s: Location %q, want %q", tracking, got, want)
	}
	return order{id: answer.OrderID, tracking: tracking, detail: detail, placed: time.Now()}, nil
}

// stat is what the tests read of /command/stat.
type stat struct {
	Epoch      int64  `json:"epoch"`
	State      string `json:"state"`
	Slots      int    `json:"slots"`
	Busy       int    `json:"busy"`
	Statements int64  `json:"statements"`

	HeartbeatAt time.Time `json:"heartbeat_at"`
	WatchdogAt  time.Time `json:"watchdog_at"`

	WALBytes     int64    `json:"wal_bytes"`
	Lag          *int64   `json:"lag"`
	MissingRoles []string `json:"missing_roles"`

	Transactions     int64            `json:"transactions"`
	RoundTrips       int64            `json:"round_trips"`
	Orders           map[string]int64 `json:"orders"`
	NodesLost        int64            `json:"nodes_lost"`
	TakeOvers        int64            `json:"takeovers"`
	StepsInterrupted int64            `json:"steps_interrupted"`
}

func (p *spawned) stat() (s stat) {
	p.t.Helper()
	p.admin().get("/command/stat", &s)
	return s
}

// untilEnded waits until n orders have ended, as the node sees it.
func (p *spawned) untilEnded(n int) {
	p.t.Helper()
	eventually(p.t, func() (bool, string) {
		s := p.stat()
		return s.Orders["Completed"]+s.Orders["Failed"] == int64(n), fmt.Sprintf("%d orders, of which have ended: %v", n, s.Orders)
	})
}
