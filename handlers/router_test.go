package handlers

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"orderflow/domain"
	"orderflow/domain/work"
)

// running puts the bench's handlers on a router over its cluster until the test ends.
func (b *bench) running(t *testing.T, letters DeadLetters, logger watermill.LoggerAdapter) {
	t.Helper()
	tenure := work.Tenure{Registration: work.Registration{Node: "n1", Epoch: 1}, Context: t.Context()}
	sub := newMemory(b.cluster, 5, func() (work.Tenure, bool) { return tenure, true })
	router, err := newRouter(WorkerConfig{Subscriber: sub, Steps: b.steps, DeadLetters: letters, RouterLogger: logger}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- router.Run(context.Background()) }()
	t.Cleanup(func() {
		if err := errors.Join(router.Close(), <-done, sub.Close()); err != nil {
			t.Error(err)
		}
	})
}

// post adds a message that no event caused.
func (c *cluster) post(topic, payload string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.position++
	c.rows = append(c.rows, &row{topic: topic, position: c.position, uuid: "posted", payload: []byte(payload)})
	c.wake()
}

func TestNewRouter_flow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.exec.execute = failing(domain.PostProcessing, errors.New("no"))
		b.running(t, b.cluster, nil)
		synctest.Wait()
		if o := b.order(b.id); o.Status() != domain.StatusFailed || o.Version != 14 {
			t.Errorf("the order is %s at version %d; want Failed at 14", o.Status(), o.Version)
		}
		b.wantDone()
	})
}

func TestNewRouter_timeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, func(c *StepsConfig) { c.StepTimeout = 3 * time.Second })
		b.exec.execute = func(ctx context.Context, w Work) error {
			if w.Attempt == 1 && w.Step == domain.Processing {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		b.running(t, b.cluster, nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		b.wantLog(5, "started Processing 1 n1", "interrupted Processing 1: step timed out after 3s",
			"started Processing 2 n1", "completed Processing 2", "started PostProcessing 1 n1", "completed PostProcessing 1", "OrderCompleted")
	})
	t.Run("of a rollback is that of each of its steps", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, func(c *StepsConfig) { c.StepTimeout = 3 * time.Second })
			b.exec.execute = failing(domain.PostProcessing, errors.New("no"))
			b.exec.compensate = func(ctx context.Context, _ Work) error { return wait(ctx, 2*time.Second) }
			b.running(t, b.cluster, nil)
			time.Sleep(4 * 2 * time.Second)
			synctest.Wait()
			if o := b.order(b.id); o.Status() != domain.StatusFailed || len(b.exec.undone) != 4 {
				t.Errorf("the order is %s after %d compensations, want Failed after 4", o.Status(), len(b.exec.undone))
			}
		})
	})
}

func TestNewRouter_poison(t *testing.T) {
	for name, c := range map[string]struct{ payload, reason string }{
		"no JSON":       {"{", "invalid"},
		"no order":      {"{}", "no order_id"},
		"unknown order": {`{"order_id":"00000000-0000-7000-8000-000000000000"}`, "not found"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t)
				for _, topic := range work.Topics() {
					b.post(topic, c.payload)
				}
				b.running(t, b.cluster, nil)
				synctest.Wait()
				letters := b.letters()
				if len(letters) != len(work.Topics()) {
					t.Fatalf("%d dead letters, want one for each of %d topics", len(letters), len(work.Topics()))
				}
				for _, l := range letters {
					if l.uuid != "posted" || !strings.Contains(l.reason, c.reason) {
						t.Errorf("dead letter %+v, want a reason with %q", l, c.reason)
					}
				}
				if o := b.order(b.id); o.Status() != domain.StatusCompleted {
					t.Errorf("the order beside is %s", o.Status())
				}
				b.wantDone()
			})
		})
	}
	t.Run("what may pass is tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			for range 2 * (maxConflicts + 1) {
				b.fail(fault{before: domain.ErrConflict})
			}
			b.running(t, b.cluster, nil)
			synctest.Wait()
			if n := len(b.letters()); n != 0 {
				t.Errorf("%d dead letters, want none", n)
			}
			if o := b.order(b.id); o.Status() != domain.StatusCompleted || o.Step(domain.Scheduling).Attempt != 3 {
				t.Errorf("the order is %s, its first step at attempt %d; want Completed, 3", o.Status(), o.Step(domain.Scheduling).Attempt)
			}
		})
	})
	t.Run("the dead letters are away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.post(work.TopicRollback, "{")
			away := &awayLetters{DeadLetters: b.cluster, tries: 3, err: domain.ErrUnavailable}
			b.running(t, away, nil)
			synctest.Wait()
			if n := len(b.letters()); n != 1 || away.calls != 4 {
				t.Errorf("%d dead letters after %d tries, want 1 after 4", n, away.calls)
			}
		})
	})
	t.Run("the lease is lost", func(t *testing.T) {
		lost := &awayLetters{tries: 99, err: domain.ErrFenced}
		handler := poison(lost, watermill.NopLogger{})(func(*message.Message) ([]*message.Message, error) { return nil, domain.ErrInvalid })
		msg := message.NewMessage("1", nil)
		msg.SetContext(work.WithDelivery(t.Context(), &hand{}))
		if _, err := handler(msg); err != nil {
			t.Errorf("err = %v, want nil", err)
		}
	})
}

// awayLetters fails a number of times.
type awayLetters struct {
	DeadLetters
	tries, calls int
	err          error
}

func (a *awayLetters) Park(ctx context.Context, l work.Lease, reason string) error {
	if a.calls++; a.calls <= a.tries {
		return a.err
	}
	return a.DeadLetters.Park(ctx, l, reason)
}

// panicking is a store that panics a number of times.
type panicking struct {
	Store
	mu    sync.Mutex
	times int
}

func (p *panicking) LoadAt(ctx context.Context, id domain.OrderID, _ int64) ([]domain.Recorded, error) {
	return p.Load(ctx, id)
}

func (p *panicking) Load(ctx context.Context, id domain.OrderID) ([]domain.Recorded, error) {
	p.mu.Lock()
	p.times--
	left := p.times
	p.mu.Unlock()
	if left >= 0 {
		panic("the store is broken")
	}
	return p.Store.Load(ctx, id)
}

func TestNewRouter_recoverer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.steps.conf.Store = &panicking{Store: b.cluster, times: 2}
		log := watermill.NewCaptureLogger()
		b.running(t, b.cluster, log)
		synctest.Wait()
		if o := b.order(b.id); o.Status() != domain.StatusCompleted {
			t.Errorf("the order is %s, want Completed after two panics", o.Status())
		}
		if told := returned(log, "the store is broken"); told != 2 {
			t.Errorf("%d panics came out as errors of a handler, want 2", told)
		}
	})
	t.Run("is the outermost", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			b.post(work.TopicRollback, "{")
			log := watermill.NewCaptureLogger()
			b.running(t, &panickingLetters{DeadLetters: b.cluster}, log)
			synctest.Wait()
			if told := returned(log, "no letters"); told != 1 || len(b.letters()) != 1 {
				t.Errorf("%d panics came out as errors of a handler, %d dead letters; want 1 and 1", told, len(b.letters()))
			}
		})
	})
}

// returned counts the errors with a text that handlers, middleware included, returned.
func returned(log *watermill.CaptureLoggerAdapter, text string) (n int) {
	for _, m := range log.Captured()[watermill.ErrorLogLevel] {
		if strings.Contains(m.Err.Error(), text) && m.Msg == "Handler returned error" {
			n++
		}
	}
	return n
}

// panickingLetters panics once.
type panickingLetters struct {
	DeadLetters
	once sync.Once
}

func (p *panickingLetters) Park(ctx context.Context, l work.Lease, reason string) error {
	p.once.Do(func() { panic("no letters") })
	return p.DeadLetters.Park(ctx, l, reason)
}

func TestNewRouter_correlation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t)
		b.mustHave(1)[0].metadata = nil
		b.running(t, b.cluster, nil)
		synctest.Wait()
		events, err := b.Load(t.Context(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		want := domain.EventID(b.id, 1)
		for _, r := range events[1:] {
			if r.Metadata.CorrelationID != want {
				t.Errorf("event %d has correlation id %q, want %q as its chain began there", r.Version, r.Metadata.CorrelationID, want)
			}
		}
	})
}

// mustHave gives the n messages that are waiting or in flight.
func (b *bench) mustHave(n int) []*row {
	b.t.Helper()
	if len(b.rows) != n {
		b.t.Fatalf("%d messages, want %d", len(b.rows), n)
	}
	return b.rows
}

func TestNewRouter_topics(t *testing.T) {
	b := newBench(t)
	router, err := newRouter(WorkerConfig{Subscriber: &memory{}, Steps: b.steps, DeadLetters: b.cluster}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range work.Topics() {
		if router.Handlers()[topic] == nil {
			t.Errorf("topic %s has no handler", topic)
		}
	}
}
