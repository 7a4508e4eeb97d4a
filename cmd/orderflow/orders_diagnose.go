package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/handlers/diagnosis"
)

// ordersDiagnoseCmd says why an order does not move, or why all open ones are as they are.
type ordersDiagnoseCmd struct {
	dataFlags
	ID    *domain.OrderID `arg:"" optional:"" name:"order-id" help:"The order's id, as it was given when it was placed."`
	All   bool            `help:"All orders that have not ended, the oldest 10,000, by reason."`
	Limit int             `placeholder:"N" help:"With --all: how many reasons at most, the most frequent first."`
}

func (ordersDiagnoseCmd) Help() string {
	return `Says in one sentence how the order is and why, since when, what that rests on, what happens next by itself, and what
you can do. docs/operations.md explains each reason. It reads the database alone, changes and locks nothing, and no node
need run. Exits 1 if there is no such order, if it is inconsistent, or if it could not be told; an order that waits or is
blocked is no failure of this command.

With --all it says how many orders have which reason, since when the oldest, and names three.`
}

// Validate wants an order or all.
func (c *ordersDiagnoseCmd) Validate() error {
	switch {
	case c.All == (c.ID != nil):
		return errors.New("give the id of an order, or --all")
	case c.Limit < 0 || c.Limit > 0 && !c.All:
		return errors.New("--limit is how many reasons --all shows: 1 or more")
	}
	return c.databaseFlag.Validate()
}

func (c *ordersDiagnoseCmd) Run(ctx context.Context, out *output) error {
	return c.lookUp(ctx, out, func(s service) error {
		asks := node.Diagnoses{DB: s.db, Store: s.store}
		if c.All {
			return c.survey(ctx, out, node.NewSurveys(s.db, s.store, "", node.NewClusterReader(s.db)))
		}
		a, err := asks.Diagnose(ctx, *c.ID)
		if err != nil {
			return err
		}
		for i := range a.Actions {
			a.Actions[i].Command = out.offers.command(a.Actions[i].Command)
		}
		if err := c.print(out, a, func() error { return printDiagnosis(out, a) }); err != nil {
			return err
		}
		if a.Verdict == diagnosis.Inconsistent || a.Verdict == diagnosis.Unknown {
			return errFound
		}
		return nil
	})
}

func (c *ordersDiagnoseCmd) survey(ctx context.Context, out *output, surveys *node.Surveys) error {
	s, err := surveys.Latest(ctx)
	if err != nil {
		return err
	}
	s.Traffic = nil // which a diagnosis of one order looks at
	if c.Limit > 0 {
		s.Reasons = s.Reasons[:min(c.Limit, len(s.Reasons))]
	}
	return c.print(out, s, func() error { return printSurvey(out, s) })
}

// printSurvey prints how many orders have which reason.
func printSurvey(out *output, s diagnosis.Survey) error {
	var rows [][]any
	for _, r := range s.Reasons {
		rows = append(rows, []any{r.Orders, r.Reason, r.Verdict, r.Since, strings.Join(textsOf(r.Examples), " ")})
	}
	err := out.table("ORDERS REASON VERDICT OLDEST-SINCE EXAMPLES", rows)
	what := fmt.Sprintf("open orders looked at: %d, as of %s, %.0fs ago", s.Looked, cell(s.AsOf), s.Age)
	if s.Node != "" {
		what += ", by node " + s.Node
	}
	if s.More {
		what += ". There are more"
	}
	err = errors.Join(err, out.sayf("\n%s.", what))
	for _, gap := range s.Gaps {
		err = errors.Join(err, out.sayf("not read: %s: %s", gap.Part, gap.Why))
	}
	if len(s.Reasons) > 0 {
		err = errors.Join(err, out.sayf("%s   # one order, with what you can do",
			out.offers.command("orderflow orders diagnose "+s.Reasons[0].Examples[0].String())))
	}
	return err
}

// printDiagnosis prints the verdict with its reason, and then what it rests on and what follows.
func printDiagnosis(out *output, a diagnosis.Answer) error {
	verdict := strings.ReplaceAll(string(a.Verdict), "_", " ")
	err := out.sayf("%s (%s): %s.", strings.ToUpper(verdict[:1])+verdict[1:], a.Reason, inOneLine(a.Summary))
	say := func(name, format string, args ...any) {
		err = errors.Join(err, out.sayf("%-12s %s", name+":", inOneLine(fmt.Sprintf(format, args...))))
	}
	if !a.Since.IsZero() {
		lasts := a.AsOf.Sub(a.Since).Round(100 * time.Millisecond).String()
		if a.Unusual != nil {
			lasts += map[bool]string{true: ", which is unusual", false: ", which is not unusual"}[*a.Unusual]
		}
		say("since", "%s (%s)", cell(a.Since), lasts)
	}
	if len(a.Others) > 0 {
		say("also", "%s", strings.Join(textsOf(a.Others), ", "))
	}
	for _, line := range evidenceLines(a.Evidence) {
		say("evidence", "%s", line)
	}
	next := a.Next.What
	if !a.Next.NotBefore.IsZero() {
		next += fmt.Sprintf(" (not before %s)", cell(a.Next.NotBefore))
	}
	say("next", "%s", next)
	for _, can := range a.Actions {
		say("you can", "%s   # %s", can.Command, can.Effect)
	}
	for _, gap := range a.Gaps {
		say("not read", "%s: %s", gap.Part, gap.Why)
	}
	say("as of", "%s", cell(a.AsOf))
	return err
}

// evidenceLines are what is known of the order, of its message and of the nodes.
func evidenceLines(e diagnosis.Evidence) (lines []string) {
	add := func(known bool, format string, args ...any) {
		if known {
			lines = append(lines, fmt.Sprintf(format, args...))
		}
	}
	add(e.Version > 0, "version %d, partition %d, position %d: %s at %s", e.Version, e.Partition, e.Position, e.LastEvent, cell(e.LastEventAt))
	add(e.Status != "", "status %s, step %s", e.Status, cell(string(e.Step)))
	add(e.Message != "", "message %s", e.Message)
	add(e.Node != "", "in hand of node %s, epoch %d", e.Node, e.Epoch)
	if e.LeaseLeft != nil {
		add(true, "lease left %.1fs, last heartbeat at %s", *e.LeaseLeft, cell(e.Heartbeat))
	}
	add(e.Attempt > 0, "attempt %d, %s", e.Attempt, countOf(e.Interruptions, "interruption"))
	add(!e.NextRetry.IsZero(), "next attempt not before %s", cell(e.NextRetry))
	add(e.LastError != "", "last error: %s", e.LastError)
	add(e.Letter != "", "dead letter %s", e.Letter)
	if u := e.Usual; u != nil {
		add(true, "of %d like it in the last day %s", u.Count, u)
	}
	if p := e.Place; p != nil {
		add(true, "%s, as of %s", p, cell(p.AsOf))
	}
	if p := e.Pause; p != nil {
		add(true, "%s paused by %s at %s: %s", p.Step, p.Actor, cell(p.Since), p.Reason)
	}
	if w := e.Workers; w != nil {
		add(true, "%s with the role worker, stopping or cordoned: %d; %d of %d workers busy", countOf(w.Nodes, "live node"), w.Draining, w.Busy, w.Slots)
	}
	if e.ViewVersion != nil {
		add(*e.ViewVersion != e.Version, "lists show version %d", *e.ViewVersion)
	}
	for _, fault := range e.Faults {
		add(true, "%s", fault)
	}
	return lines
}

// inOneLine is a text without line ends.
func inOneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func textsOf[T any](values []T) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return texts
}
