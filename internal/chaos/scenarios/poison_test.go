package scenarios

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"orderflow/internal/chaos/judge"
)

// TestPoison places orders whose step ends, hangs or panics, among others: each is parked
// after three attempts and holds nobody up. How they come back is the end-to-end test of dead letters.
func TestPoison(t *testing.T) {
	s := begin(t, 3, "--heartbeat", "300ms", "--lease-ttl", "2s", "--workers", "8", "--step-duration", "100ms", "--step-failure-rate", "0", "--step-timeout", "700ms")
	s.start(0, 1, 2)
	ctx, cancel := context.WithCancel(t.Context())
	var supervisor sync.WaitGroup
	supervisor.Go(func() { s.supervise(ctx) })
	defer func() { cancel(); supervisor.Wait() }()
	l := s.customers("poison", 10)
	var accepted []judge.Accepted
	poison := func(how string) (id string) {
		id = s.place("bad-"+how, fmt.Sprintf(`{"poison":%q,"step":"Processing"}`, how))
		accepted = append(accepted, judge.Accepted{ID: id, Tracking: "bad-" + how, Poison: true})
		return id
	}
	tried := func(how, id string, want int) {
		t.Helper()
		if n := s.executions(id, "Processing"); n != want {
			t.Errorf("the order that has its node %s was tried %d times, want %d", how, n, want)
		}
	}
	hang, panics := poison("hang"), poison("panic")
	s.untilParked(2)
	tried("hang", hang, 3)
	tried("panic", panics, 3)
	exits := poison("exit") // last, since others lose attempts with the nodes that it ends
	s.untilParked(3)
	tried("exit", exits, 3)
	s.untilCalled(40) // the others go on
	cancel()
	supervisor.Wait()
	s.revive()
	s.stop()
	r := s.settle(append(accepted, l.Accepted()...))
	if r.Status["Parked"] != len(accepted) {
		t.Errorf("the orders ended %v, want %d parked", r.Status, len(accepted))
	}
	t.Logf("%v; %d taken over, the slowest after %s; no order lay still for longer than %s", r.Status, len(r.TakeOvers), r.TakeOver(1), r.Longest)
}

// supervise starts nodes again that end, as a supervisor would.
func (s *scene) supervise(ctx context.Context) {
	for ctx.Err() == nil {
		s.revive()
		time.Sleep(100 * time.Millisecond)
	}
}

func (s *scene) revive() {
	for _, n := range s.Nodes {
		if n.Gone(0) {
			if err := n.Start(); err != nil {
				s.t.Error(err)
			}
		}
	}
}

// place places one order with a detail, with whichever node answers.
func (s *scene) place(tracking, detail string) (id string) {
	s.t.Helper()
	s.eventually(func() (bool, string) {
		for _, n := range s.Up() {
			body := fmt.Sprintf(`{"tracking_id":%q,"detail":%s}`, tracking, detail)
			resp, err := http.Post(n.API()+"/v1/orders", "application/json", bytes.NewReader([]byte(body)))
			if err != nil {
				continue
			}
			var answer struct {
				OrderID string `json:"order_id"`
			}
			err = json.NewDecoder(resp.Body).Decode(&answer)
			_ = resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusAccepted {
				id = answer.OrderID
				return true, ""
			}
		}
		return false, "nobody takes the order"
	})
	return id
}

func (s *scene) untilParked(n int) {
	s.t.Helper()
	s.eventually(func() (bool, string) {
		var letters int
		err := s.db.QueryRowContext(s.t.Context(), `SELECT COUNT(*) FROM dead_letters`).Scan(&letters)
		return err == nil && letters == n, fmt.Sprintf("%d dead letters, want %d (%v)", letters, n, err)
	})
}

// executions counts the calls for a step of an order.
func (s *scene) executions(id, step string) (n int) {
	for _, c := range s.calls() {
		if c.Order == id && c.Step == step && c.Kind == "execute" {
			n++
		}
	}
	return n
}
