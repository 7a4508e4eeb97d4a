package main

import (
	"context"
	"errors"
	"fmt"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/handlers/operate"
	"orderflow/transport/messaging/inflight"
)

// letterArg is the key of a dead letter as an argument.
type letterArg struct{ key inflight.LetterKey }

// UnmarshalText is encoding.TextUnmarshaler.
func (a *letterArg) UnmarshalText(text []byte) (err error) {
	a.key, err = inflight.ParseLetterKey(string(text))
	return err
}

// letterChoice names dead letters, or says which are meant.
type letterChoice struct {
	dataFlags
	Letters []letterArg `arg:"" optional:"" name:"letter" help:"The letters, as the list names them: GROUP:TOPIC/PARTITION/POSITION. Or choose many by the flags below: then nothing is done without --confirm."`
	All     bool        `help:"All dead letters."`
	letterFilterFlags
	jobFlags
	byFlags
}

// Validate refuses what names no letters, or names them twice over.
func (c *letterChoice) Validate() error {
	many := c.All || c.letterFilterFlags.given()
	switch {
	case len(c.Letters) > 0 && many:
		return errors.New("name letters, or choose them by flags, and not both")
	case len(c.Letters) == 0 && !many:
		return errors.New("no letter is named: name letters, or choose them by flags such as --topic, or --all")
	case c.All && c.letterFilterFlags.given():
		return errors.New("--all and a choice by other flags exclude each other")
	case len(c.Letters) > 0 && c.jobFlags.given():
		return errors.New("--confirm and --rate are for letters that are chosen by flags")
	}
	return errors.Join(c.byFlags.Validate(), c.jobFlags.Validate(), c.databaseFlag.Validate())
}

// decided is what became of one letter, as it is printed.
type decided = operate.LetterDone

// decide has a job decide on letters that were chosen, or decides on each that was named. The first letter for which
// that fails ends the command.
func (c *letterChoice) decide(ctx context.Context, out *output, kind, what string, do func(node.Letters, string) (decided, error)) error {
	return c.service(ctx, func(s service) error {
		if len(c.Letters) == 0 {
			return c.order(ctx, out, s, jobWish{kind: kind, filter: c.filter(), by: c.by(), json: c.jsonFlag})
		}
		all := []decided{}
		for _, arg := range c.Letters {
			done, err := do(node.Letters{DB: s.db, Store: s.store}, arg.key.String())
			if errors.Is(err, domain.ErrNotFound) {
				return fmt.Errorf("%w: there is no dead letter %s; one that was requeued or discarded is none any more", domain.ErrNotFound, arg.key)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", arg.key, err)
			}
			all = append(all, done)
			if !c.JSON {
				if err := out.sayf("%s %s %s%s", what, arg.key, done.OrderID, comesNext(kind, done)); err != nil {
					return err
				}
			}
		}
		if c.JSON {
			return out.json(all)
		}
		return nil
	})
}

// comesNext says what happens next to a letter that was decided on.
func comesNext(kind string, done decided) string {
	switch {
	case kind != operate.JobRequeueLetters:
		return ""
	case done.OrderID == "":
		return ": a worker takes the message up, of which no parked order is known"
	}
	return ": a worker that is free takes the order up where it stood, and its interruptions count anew"
}

// deadlettersRequeueCmd gives dead letters back.
type deadlettersRequeueCmd struct{ letterChoice }

func (deadlettersRequeueCmd) Help() string {
	return `The order's history gets an OrderResumed event with who and why, in the transaction that gives the message back. Its
interruptions count anew, its attempts count on.

Letters that are chosen by flags are counted, and the first twenty are shown. With --confirm and that number they are frozen
as they are, and a node gives them back one after the other, as a job ("orderflow jobs show"). Those that others decide on
meanwhile are skipped, and listed.

Examples:

    orderflow deadletters requeue workers:processing/0/4711 --reason "the press is mended"
    orderflow deadletters requeue --topic processing --reason-contains "timed out" --reason "the press is mended"
    orderflow deadletters requeue --topic processing --reason-contains "timed out" --reason "the press is mended" --confirm 317`
}

// Run gives the letters back.
func (c *deadlettersRequeueCmd) Run(ctx context.Context, out *output) error {
	return c.decide(ctx, out, operate.JobRequeueLetters, "requeued", func(all node.Letters, key string) (decided, error) { return all.Requeue(ctx, key, c.by()) })
}

// deadlettersDiscardCmd removes dead letters.
type deadlettersDiscardCmd struct{ letterChoice }

func (deadlettersDiscardCmd) Help() string {
	return `For messages that no order waits for. The letter of a parked order is refused: without it the order could never go on.
Who discarded which letter and why is kept in the log of operations. Many are discarded as many are requeued: see
"orderflow deadletters requeue --help".`
}

// Run removes the letters.
func (c *deadlettersDiscardCmd) Run(ctx context.Context, out *output) error {
	return c.decide(ctx, out, operate.JobDiscardLetters, "discarded", func(all node.Letters, key string) (decided, error) { return all.Discard(ctx, key, c.by()) })
}
