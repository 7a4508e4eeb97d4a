package main

import (
	"context"
	"errors"
	"os/signal"

	"orderflow/cmd/orderflow/node"
)

// serveCmd runs a node.
type serveCmd struct {
	databaseFlag
	node.Config
	LogLevel  string `default:"info" env:"ORDERFLOW_LOG_LEVEL" enum:"trace,debug,info,warn,error" help:"trace, debug, info, warn or error." group:"Housekeeping:"`
	LogFormat string `default:"text" env:"ORDERFLOW_LOG_FORMAT" enum:"text,json" help:"text or json." group:"Housekeeping:"`
}

func (serveCmd) Help() string {
	return `Without flags, one process runs the whole system on orderflow.db in the current folder. Several processes may share
one file on one machine, and any number of machines one SQL Server; each takes a part of the work, and when one dies the
others take its orders over.

The first SIGTERM or Ctrl-C lets running steps finish (see --drain-timeout) and exits 0; a second one, a second later or more,
quits at once. SIGHUP reads the file of --auth-file anew; without that flag it is as SIGTERM.

Examples:

    orderflow serve --step-duration 200ms --step-failure-rate 0
    orderflow serve --dsn shop.db --listen 127.0.0.1:0 --admin 127.0.0.1:0 --roles worker
    ORDERFLOW_DSN='sqlserver://of:secret@db:1433?database=orderflow' orderflow serve --listen :8080 --auth-file tokens.txt`
}

// Validate says everything that is wrong with the configuration at once.
func (c *serveCmd) Validate() error {
	return errors.Join(c.databaseFlag.Validate(), c.Config.Validate())
}

// config is the whole configuration of the node.
func (c *serveCmd) config() node.Config {
	conf := c.Config
	conf.DSN, conf.Version = c.databaseFlag.DSN, version
	return conf
}

// Run runs the node until it is told to stop, or a part of it fails. A signal to stop that comes
// before the node runs ends its start.
func (c *serveCmd) Run(out *output) error {
	starting, started := signal.NotifyContext(context.Background(), c.StopSignals()...)
	defer started()
	log, err := newLog(out.notes, c.LogLevel, c.LogFormat)
	if err != nil {
		return err
	}
	defer endLog(log)
	for _, w := range out.warnings {
		log.Warn(w)
	}
	n, err := node.New(starting, c.config(), log)
	switch {
	case err != nil && starting.Err() != nil:
		log.WithField("part", "node").WithError(err).Info("stopped by a signal while it started")
		return nil
	case err != nil:
		return err
	}
	if err := errors.Join(n.Run(context.Background()), n.Close()); err != nil {
		return &nodeError{n.Name(), err}
	}
	log.WithField("node", n.Name()).WithField("part", "node").Info("stopped")
	return nil
}
