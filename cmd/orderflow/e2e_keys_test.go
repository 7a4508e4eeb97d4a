package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
)

// keyRounds is how many keys are raced for: 400 where ORDERFLOW_TEST_LONG is set.
func keyRounds() int {
	if os.Getenv("ORDERFLOW_TEST_LONG") != "" {
		return 400
	}
	return 40
}

// TestE2E_Keys has several requests with one key at every node at once: all are told of one
// order, and it is there.
func TestE2E_Keys(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			onEachDatabase(t, func(t *testing.T, db string) { testKeys(t, db, nodes) })
		})
	}
}

func testKeys(t *testing.T, db string, nodes int) {
	const each = 3 // requests of a round, at each node
	var all []*spawned
	for range nodes {
		all = append(all, start(t, db, "--roles", "api,worker", "--step-duration", "10ms", "--step-failure-rate", "0"))
	}
	for round := range keyRounds() {
		ids := make([]string, nodes*each)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() { ids[i] = all[i%nodes].api().placeKeyed(fmt.Sprint(t.Name(), round), round%2 == 0) })
		}
		wg.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("round %d: one key was answered with %q", round, ids)
				break
			}
		}
		if status, _, body := all[round%nodes].api().call(http.MethodGet, "/v1/orders/"+ids[0], ""); status != http.StatusOK {
			t.Errorf("round %d: order %q, which was answered 202: %d %s", round, ids[0], status, body)
		}
	}
	must(t, "check", "--dsn", db)
}

// placeKeyed places an order under a tracking id, or else under an idempotency key, and gives the
// id that it is answered with.
func (c client) placeKeyed(key string, tracking bool) (id string) {
	body, header := `{"detail": {"n": 1}}`, http.Header{"Content-Type": {"application/json"}}
	if tracking {
		body = fmt.Sprintf(`{"tracking_id": %q, "detail": {"n": 1}}`, key)
	} else {
		header.Set("Idempotency-Key", key)
	}
	req, err := http.NewRequest(http.MethodPost, c.base+"/v1/orders", strings.NewReader(body))
	if err != nil {
		return err.Error()
	}
	req.Header = header
	resp, err := requests.Do(req)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		OrderID string `json:"order_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusAccepted {
		return fmt.Sprint("status ", resp.StatusCode, err)
	}
	return answer.OrderID
}
