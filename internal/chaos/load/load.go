package load

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"orderflow/internal/chaos/boottime"
	"orderflow/internal/chaos/judge"
)

// Config says how the load goes.
type Config struct {
	Rate    float64         // orders a second
	Targets func() []string // the nodes that answer, as far as is known
	Out     string          // file of what was accepted
	Prefix  string          // of tracking ids
	Detail  func(i int) string
	// Together has every so manieth order placed by two customers at every node at once; 0: none.
	Together int
	Operators
}

// order is what customers want placed.
type order struct {
	n             int
	tracking, key string // one of them is empty
	detail        string
}

// Load places orders. Its counts may be read while it runs.
type Load struct {
	conf   Config
	client *http.Client
	out    *os.File

	mu        sync.Mutex
	accepted  []judge.Accepted
	latencies []time.Duration // of answers 202
	answers   map[int]int     // by status; 0 is none
	levers    map[string]int  // answers to operators, by lever and status
	wrong     []string
}

// New makes a load that has not begun.
func New(conf Config) (*Load, error) {
	out, err := os.OpenFile(conf.Out, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: 16, IdleConnTimeout: 10 * time.Second}
	return &Load{conf: conf, client: &http.Client{Timeout: 3 * time.Second, Transport: transport}, out: out, answers: map[int]int{}, levers: map[string]int{}}, nil
}

// Run places orders until ctx ends, and then waits for those that are still to be
// answered, for half a minute at most.
func (l *Load) Run(ctx context.Context) {
	tick := time.NewTicker(time.Duration(float64(time.Second) / l.conf.Rate))
	defer tick.Stop()
	var under sync.WaitGroup
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			under.Wait()
			return
		case <-tick.C:
			customers := 0
			l.customers(i, func(o order, first string) {
				customers++
				operated := customers == 1
				under.Go(func() {
					if id := l.insist(ctx, o, first); operated && id != "" {
						l.operate(ctx, o.n, id)
					}
				})
			})
		}
	}
}

// customers calls each for every customer of order i, with the node to ask first.
func (l *Load) customers(i int, each func(o order, first string)) {
	o := order{n: i, tracking: fmt.Sprintf("%s-%d", l.conf.Prefix, i), detail: l.conf.Detail(i)}
	targets := l.conf.Targets()
	if l.conf.Together == 0 || i%l.conf.Together != 0 || len(targets) == 0 {
		each(o, "")
		return
	}
	if i/l.conf.Together%2 == 1 {
		o.tracking, o.key = "", o.tracking
	}
	for range 2 {
		for _, target := range targets {
			each(o, target)
		}
	}
}

// insist places one order, with the first node if there is one named, and then with others until
// it is accepted. It gives the id of the order; empty if it was not accepted.
func (l *Load) insist(ctx context.Context, o order, first string) (id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 60*time.Second)
	defer cancel()
	for target := first; ctx.Err() == nil; target = "" {
		id, final := l.place(ctx, o, target)
		if final {
			return id
		}
		select {
		case <-ctx.Done():
		case <-time.After(50*time.Millisecond + rand.N(100*time.Millisecond)):
		}
	}
	return ""
}

// place sends one request, to any node if target is empty, and gives the id of the order. final says
// that it is not to be asked for again.
func (l *Load) place(ctx context.Context, o order, target string) (id string, final bool) {
	if target == "" {
		targets := l.conf.Targets()
		if len(targets) == 0 {
			return "", false
		}
		target = targets[rand.IntN(len(targets))]
	}
	body := fmt.Sprintf(`{"tracking_id": %q, "detail": %s}`, o.tracking, o.detail)
	if o.tracking == "" {
		body = fmt.Sprintf(`{"detail": %s}`, o.detail)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target+"/v1/orders", bytes.NewReader([]byte(body)))
	if err != nil {
		return "", false
	}
	if o.key != "" {
		req.Header.Set("Idempotency-Key", o.key)
	}
	req.Header.Set("Content-Type", "application/json")
	began := time.Now()
	resp, err := l.client.Do(req)
	if err != nil {
		l.count(0)
		return "", false
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	l.count(resp.StatusCode)
	if err != nil || resp.StatusCode >= http.StatusInternalServerError {
		return "", false
	}
	var answer struct {
		OrderID string `json:"order_id"`
	}
	if resp.StatusCode != http.StatusAccepted || json.Unmarshal(text, &answer) != nil || answer.OrderID == "" {
		l.complain(fmt.Sprintf("%s%s was answered %d %s", o.tracking, o.key, resp.StatusCode, text))
		return "", true
	}
	l.accept(judge.Accepted{ID: answer.OrderID, Tracking: o.tracking, Key: o.key, At: boottime.Now()}, time.Since(began))
	return answer.OrderID, true
}

func (l *Load) count(status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[status]++
}

func (l *Load) complain(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, what)
}

func (l *Load) accept(a judge.Accepted, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accepted = append(l.accepted, a)
	l.latencies = append(l.latencies, took)
	if text, err := json.Marshal(a); err == nil {
		_, _ = l.out.Write(append(text, '\n')) // kept in memory too
	}
}

// Accepted are the answers 202 so far.
func (l *Load) Accepted() []judge.Accepted {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.accepted)
}

// Wrong are the answers that no customer should get.
func (l *Load) Wrong() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.wrong)
}

// Answers counts the answers by status; 0 is none.
func (l *Load) Answers() map[int]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := map[int]int{}
	for k, v := range l.answers {
		counts[k] = v
	}
	return counts
}

// Latency is a quantile of the times to an answer 202.
func (l *Load) Latency(q float64) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(l.latencies))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
