package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/alecthomas/kong"

	"orderflow/cmd/orderflow/node"
	"orderflow/projections/cluster"
	"orderflow/schema"
)

// statusCmd shows the cluster in one answer.
type statusCmd struct {
	dataFlags
	Watch watch `placeholder:"SECONDS" help:"Show it again and again, every two seconds or as --watch=SECONDS says, until interrupted."`
}

func (statusCmd) Help() string {
	return `Shows the nodes, what waits and what is in hand, what happened in the last minute, 15 minutes and day, how long steps wait and
run, and how far the views are. It reads the database alone, so no node need run. What nodes count comes with their
heartbeats: it is up to ten seconds old, and each part says as of when it is.

With --watch an interruption (Ctrl-C) is the normal end, with 0. Otherwise it exits 1 if something is wrong of the cluster: a role that no live node has; a projection that has applied what the log
does not have, or that is a minute behind and does not catch up; nodes that live, and of which none looks at the queues;
an alarm that nobody has acknowledged, or nobody who watches; a node that was lost within the last minute; a full disk;
a part that could not be read. Orders that wait, failed or were parked are no failure of this command.`
}

// watch is how often the status is shown; 0 for once.
type watch time.Duration

// watchEvery is what --watch means without a number.
const watchEvery = 2 * time.Second

// IsBool lets the flag stand without a value.
func (*watch) IsBool() bool { return true }

// Decode reads --watch and --watch=SECONDS.
func (w *watch) Decode(ctx *kong.DecodeContext) error {
	if *w = watch(watchEvery); ctx.Scan.Peek().Type != kong.FlagValueToken {
		return nil
	}
	text := fmt.Sprint(ctx.Scan.Pop().Value)
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || seconds < 0.1 || seconds > 3600 {
		return fmt.Errorf("%q is no number of seconds from 0.1 to 3600", text)
	}
	*w = watch(seconds * float64(time.Second))
	return nil
}

func (c *statusCmd) Run(ctx context.Context, out *output) error {
	err := c.reading(ctx, out, func(db *schema.DB) error {
		reader := node.NewClusterReader(db)
		if c.Watch == 0 {
			return c.show(ctx, out, reader)
		}
		return c.watch(ctx, out, reader)
	})
	if c.Watch != 0 && ctx.Err() != nil {
		err = nil // who interrupts it has seen enough
	}
	return err
}

// show prints the status once.
func (c *statusCmd) show(ctx context.Context, out *output, reader *cluster.Reader) error {
	a, err := reader.Read(ctx)
	if err != nil {
		return err
	}
	if err := c.print(out, a, func() error { return printStatus(out, a) }); err != nil {
		return err
	}
	if len(a.Wrong) > 0 {
		return errFound
	}
	return nil
}

// watch prints the status until ctx ends. On a terminal each takes the place of the one before. A look that fails is
// shown, and does not end it.
func (c *statusCmd) watch(ctx context.Context, out *output, reader *cluster.Reader) error {
	tick := time.NewTicker(time.Duration(c.Watch))
	defer tick.Stop()
	for {
		var page bytes.Buffer
		err := c.show(ctx, &output{w: &page, notes: out.notes}, reader)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !errors.Is(err, errFound) {
			fmt.Fprintf(&page, "%s: %v\n", time.Now().UTC().Format(time.DateTime), err)
		}
		if err := redraw(out.w, page.Bytes()); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// redraw writes a page, on a terminal in the place of the one before, and otherwise below it.
func redraw(w io.Writer, page []byte) error {
	if s, terminal := w.(screen); terminal {
		if _, err := io.WriteString(s.w, "\x1b[H\x1b[2J"); err != nil {
			return err
		}
	}
	_, err := w.Write(page)
	return err
}
