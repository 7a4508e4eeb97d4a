package recorder

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"orderflow/domain"
	"orderflow/handlers"
	"orderflow/internal/chaos/boottime"
)

// callsEnv names the file that every call of the executor is recorded in.
const callsEnv = "ORDERFLOW_CHAOS_CALLS"

// tick is how often a call says that it is at work.
const tick = 10 * time.Millisecond

// Watched records every call of e outside the database, and has orders misbehave that
// ask for it.
func Watched(e handlers.Executor) (handlers.Executor, error) {
	path := os.Getenv(callsEnv)
	if path == "" {
		return e, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600) //nolint:gosec // the harness names it
	if err != nil {
		return nil, fmt.Errorf("%s: %w", callsEnv, err)
	}
	return &recorder{Executor: e, out: f}, nil
}

// recorder writes a line when a call begins and one when it ends. A line is one write.
type recorder struct {
	handlers.Executor
	out *os.File
}

// callLine is a line of the record. Times are nanoseconds since the machine started
// (CLOCK_BOOTTIME), the same for all its processes.
type callLine struct {
	Phase   string `json:"phase"` // start, end
	Kind    string `json:"kind"`  // execute, compensate
	Order   string `json:"order"`
	Step    string `json:"step"`
	Attempt int    `json:"attempt"`
	Node    string `json:"node"`
	PID     int    `json:"pid"`
	Key     string `json:"key"`
	Asked   int64  `json:"asked"`           // when the call came
	Began   int64  `json:"began,omitempty"` // when its start line had been written
	Until   int64  `json:"until,omitempty"` // when it last was at work
	Ended   int64  `json:"ended,omitempty"`
	Error   string `json:"error,omitempty"`
}

// Execute is handlers.Executor.
func (r *recorder) Execute(ctx context.Context, w handlers.Work) error {
	return r.record(ctx, "execute", w, func() error {
		if err := misbehave(ctx, w); err != nil {
			return err
		}
		return r.Executor.Execute(ctx, w)
	})
}

// Compensate is handlers.Executor.
func (r *recorder) Compensate(ctx context.Context, w handlers.Work) error {
	return r.record(ctx, "compensate", w, func() error { return r.Executor.Compensate(ctx, w) })
}

func (r *recorder) record(ctx context.Context, kind string, w handlers.Work, call func() error) error {
	line := callLine{
		Phase: "start", Kind: kind, Order: w.Order.String(), Step: string(w.Step), Attempt: w.Attempt,
		Node: w.Node, PID: os.Getpid(), Key: w.Key, Asked: boottime.Now(),
	}
	if ctx.Err() != nil { // as an executor should: no effect without asking
		return context.Cause(ctx)
	}
	if err := r.write(line); err != nil {
		return err
	}
	line.Phase, line.Began = "end", boottime.Now()
	done := make(chan int64)
	stop := make(chan struct{})
	go func() { done <- atWork(ctx, stop, line.Began) }()
	end := func(err error) error {
		close(stop)
		line.Until, line.Ended = <-done, boottime.Now()
		if err != nil {
			line.Error = err.Error()
		}
		return r.write(line)
	}
	defer func() {
		if v := recover(); v != nil {
			_ = end(fmt.Errorf("panic: %v", v)) // what cannot be written is missed by who reads it
			panic(v)
		}
	}()
	err := call()
	if werr := end(err); werr != nil {
		return werr
	}
	return err
}

// atWork gives the last moment at which a call that looks at its context would have gone on.
func atWork(ctx context.Context, stop <-chan struct{}, began int64) (until int64) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for until = began; ; {
		now := boottime.Now() // before the look, so that a pause in between is not counted as work
		if ctx.Err() != nil {
			return until
		}
		until = now
		select {
		case <-ticker.C:
		case <-stop:
			if now = boottime.Now(); ctx.Err() == nil {
				until = now
			}
			return until
		}
	}
}

func (r *recorder) write(l callLine) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = r.out.Write(append(text, '\n'))
	return err
}

// misbehave does what the order's detail asks for: {"poison": "exit", "step": "Processing"}.
func misbehave(ctx context.Context, w handlers.Work) error {
	var detail struct {
		Poison string `json:"poison"`
		Step   string `json:"step"`
	}
	if json.Unmarshal(w.Detail, &detail) != nil || domain.Step(detail.Step) != w.Step {
		return nil //nolint:nilerr // an order may hold any JSON, and this one asks for nothing
	}
	switch detail.Poison {
	case "exit":
		os.Exit(3)
	case "panic":
		panic("the order asks for it")
	case "hang":
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return nil
}
