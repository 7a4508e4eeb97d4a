package main

import (
	"context"
	"fmt"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain/work"
	"orderflow/handlers/operate"
	"orderflow/schema"
)

// alarmsCmd holds the commands about alarms.
type alarmsCmd struct {
	List alarmsListCmd `cmd:"" help:"List the open alarms, the latest first."`
	Ack  alarmsAckCmd  `cmd:"" help:"Say that somebody has seen an alarm."`
}

func (alarmsCmd) Help() string {
	return `One node of the cluster looks at the system in rounds (serve --watchdog-every) and raises an alarm for what it finds wrong.
Every alarm has a runbook in docs/operations.md. It is cleared by itself when two rounds have not found it again.`
}

// alarmsListCmd lists alarms.
type alarmsListCmd struct {
	dataFlags
	All    bool   `help:"Also those that were cleared within the last 90 days."`
	Limit  int    `default:"50" help:"How many at most (1 to 200). The cursor of the next page is printed if there are more."`
	Cursor string `help:"Where a page before ended."`
}

// Run prints the alarms. That the watchdog does not succeed is said too, since then the list is old.
func (c *alarmsListCmd) Run(ctx context.Context, out *output) error {
	return c.reading(ctx, out, func(db *schema.DB) error {
		page, err := node.AlarmsOf(db).List(ctx, c.All, c.Limit, c.Cursor)
		if err != nil {
			return err
		}
		rows := [][]any(nil)
		for _, a := range page.Alarms {
			rows = append(rows, []any{a.ID, a.Alarm, a.Severity, a.State, a.RaisedAt, a.ClearedAt, a.AcknowledgedBy, a.Subject, out.offers.text(a.What)})
		}
		if !c.JSON {
			out.notef("%s", watchdogLine(page.Watchdog))
			if page.NextCursor != "" {
				defer out.notef("There are more: --cursor %s", page.NextCursor)
			}
		}
		return c.table(out, page, "ID ALARM SEVERITY STATE RAISED CLEARED ACKNOWLEDGED SUBJECT WHAT", rows)
	})
}

// watchdogLine says how old the list is.
func watchdogLine(w operate.WatchdogState) string {
	line := "No round of the watchdog has succeeded so far: whether something is wrong is not known."
	if w.AgeSeconds != nil {
		line = fmt.Sprintf("The last round of the watchdog that succeeded was %.0f s ago.", *w.AgeSeconds)
	}
	if w.Late {
		line += " Nobody watches: look whether a node lives that has --watchdog-every, and at the logs of the nodes."
	}
	return line
}

// alarmsAckCmd acknowledges an alarm.
type alarmsAckCmd struct {
	leverFlags
	ID alarmID `arg:"" name:"alarm" help:"The alarm's id, as the list has it."`
}

func (alarmsAckCmd) Help() string {
	return `Who has seen the alarm, and what the reason says, is kept with it and in the log of operations. The alarm stays open until
its cause is gone. One that tells what happened, and not how things are (log_lost), is cleared after it.

Example: orderflow alarms ack 01a220f3-6232-7e6d-a00d-c30fe7be8c81 --reason "ann looks into it"`
}

// alarmID is the id of an alarm as an argument.
type alarmID struct{ work.AlarmID }

// UnmarshalText is encoding.TextUnmarshaler.
func (a *alarmID) UnmarshalText(text []byte) error {
	var err error
	if a.AlarmID, err = operate.ParseAlarmID(string(text)); err != nil {
		return fmt.Errorf("%.100q is no id of an alarm: \"orderflow alarms list\" names them", text)
	}
	return nil
}

func (c *alarmsAckCmd) Run(ctx context.Context, out *output) error {
	return c.with(ctx, func(db *schema.DB) error {
		done, err := node.AlarmsOf(db).Acknowledge(ctx, c.ID.AlarmID, c.by())
		if err != nil {
			return err
		}
		if c.JSON {
			return out.json(done)
		}
		return c.say(out, string(done.Alarm.Alarm)+" of "+done.Alarm.Subject, done.Done)
	})
}
