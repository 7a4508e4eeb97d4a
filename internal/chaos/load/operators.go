package load

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"time"
)

// Operators cancel some of the orders, now and then without patience, and place some of those anew.
type Operators struct {
	Cancel float64         // share of the orders
	Seed   uint64          // of which, when and how
	Within time.Duration   // after an order was accepted
	Admins func() []string // the admin interfaces that answer, as far as is known
}

// operate does to an order what is drawn for it.
func (l *Load) operate(ctx context.Context, n int, id string) {
	draw := rand.New(rand.NewPCG(l.conf.Seed, uint64(n))) //nolint:gosec // orders are counted from 0
	if draw.Float64() >= l.conf.Cancel {
		return
	}
	after, now, again := time.Duration(draw.Int64N(int64(l.conf.Within))), draw.IntN(2) == 0, draw.IntN(2) == 0
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if !pause(ctx, after) {
		return
	}
	cancelled := l.pull(ctx, "cancel", id, fmt.Sprintf(`{"reason":"chaos","now":%v}`, now), func(status int) bool { return status == http.StatusConflict })
	if cancelled && again {
		l.pull(ctx, "retry", id, `{"reason":"chaos"}`, func(int) bool { return false }) // until the order has ended
	}
}

// pull sends a request to any node, and again until it is taken, which it says, or is refused for good.
func (l *Load) pull(ctx context.Context, lever, id, body string, refused func(status int) bool) (taken bool) {
	for ctx.Err() == nil {
		status, text := l.post(ctx, "/v1/orders/"+id+"/"+lever, body)
		l.pulled(lever, status)
		switch {
		case status == http.StatusAccepted:
			return true
		case refused(status):
			return false
		case status != 0 && status != http.StatusConflict && status < http.StatusInternalServerError:
			l.complain(fmt.Sprintf("%s of %s was answered %d %s", lever, id, status, text))
			return false
		}
		pause(ctx, 100*time.Millisecond)
	}
	return false
}

// post gives the answer of an admin interface; 0 if there is none.
func (l *Load) post(ctx context.Context, path, body string) (int, string) {
	admins := l.conf.Admins()
	if len(admins) == 0 {
		return 0, ""
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, admins[rand.IntN(len(admins))]+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, ""
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(text)
}

func (l *Load) pulled(lever string, status int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.levers[fmt.Sprint(lever, " ", status)]++
}

// Levers counts the answers to operators, by lever and status; 0 is none.
func (l *Load) Levers() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.levers)
}

// pause waits, and says whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
