package main

import (
	"context"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/handlers/operate"
	"orderflow/schema"
)

// stepsCmd holds the commands about the steps of all orders.
type stepsCmd struct {
	List   stepsListCmd   `cmd:"" help:"List the steps, and say which are paused, by whom and why."`
	Pause  stepsPauseCmd  `cmd:"" help:"Have the messages of a step wait in the whole cluster."`
	Resume stepsResumeCmd `cmd:"" help:"Let a paused step be begun again."`
}

// stepsListCmd lists the steps.
type stepsListCmd struct{ dataFlags }

func (c *stepsListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		steps, err := node.LeversOf(db).Steps(ctx)
		if err != nil {
			return err
		}
		rows := [][]any(nil)
		for _, s := range steps {
			rows = append(rows, []any{s.Step, s.Paused, s.Since, s.Actor, s.Reason})
		}
		return c.table(out, map[string][]operate.Step{"steps": steps}, "STEP PAUSED SINCE ACTOR REASON", rows)
	})
}

// stepArg names a step.
type stepArg struct {
	Step stepName `arg:"" name:"step" help:"Scheduling, PreProcessing, Processing or PostProcessing; pre-processing and the like are understood too."`
}

// stepName is a step as an argument.
type stepName struct{ domain.Step }

// UnmarshalText is encoding.TextUnmarshaler.
func (s *stepName) UnmarshalText(text []byte) (err error) {
	s.Step, err = domain.ReadStep(string(text))
	return err
}

// stepsPauseCmd pauses a step.
type stepsPauseCmd struct {
	leverFlags
	stepArg
}

func (stepsPauseCmd) Help() string {
	return `Within two heartbeats no node begins the step. Nothing is interrupted: attempts that run go on to their end. Orders that
come to the step wait there; other steps and rollbacks go on, in all slots.

Example: orderflow steps pause Processing --reason "the press is being mended"`
}

func (c *stepsPauseCmd) Run(ctx context.Context, out *output) error {
	return c.pull(ctx, out, string(c.Step.Step), func(l operate.Levers) (operate.Done, error) { return l.Pause(ctx, c.Step.Step, c.by()) })
}

// stepsResumeCmd resumes a step.
type stepsResumeCmd struct {
	leverFlags
	stepArg
}

func (c *stepsResumeCmd) Run(ctx context.Context, out *output) error {
	return c.pull(ctx, out, string(c.Step.Step), func(l operate.Levers) (operate.Done, error) { return l.Resume(ctx, c.Step.Step, c.by()) })
}
