package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/sirupsen/logrus"
	"github.com/sirupsen/logrus/hooks/writer"

	"orderflow/cmd/orderflow/node"
	"orderflow/domain"
	"orderflow/handlers"
	"orderflow/internal/bench"
	"orderflow/internal/process"
)

// benchStart is how long a node may take to be ready.
const benchStart = 30 * time.Second

// benchNodes starts the nodes that are measured.
type benchNodes struct{ out *output }

// benchFlags are the flags of serve for a node that is measured. What they do not say is as
// it is by default.
func benchFlags(c bench.NodeConfig) []string {
	flags := []string{
		"--dsn", c.DSN, "--auth-file=", "--node-id=",
		"--step-duration", c.StepDuration.String(), "--step-failure-rate", "0",
	}
	if len(c.Roles) > 0 {
		flags = append(flags, "--roles", strings.Join(c.Roles, ","))
	}
	if c.Retention > 0 {
		flags = append(flags, "--retention", c.Retention.String())
	}
	if c.Workers > 0 {
		flags = append(flags, "--workers", strconv.Itoa(c.Workers))
	}
	return flags
}

// start starts a node in this process, with the wiring and the log of serve; the lines of
// the log are made and dropped, but for what is wrong.
func (b benchNodes) start(ctx context.Context, c bench.NodeConfig) (*bench.Node, error) {
	var conf serveCmd
	parser, err := kong.New(&conf)
	if err != nil {
		return nil, err
	}
	if _, err := parser.Parse(append(benchFlags(c), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--addr-file=")); err != nil {
		return nil, err
	}
	log, err := newLog(io.Discard, conf.LogLevel, conf.LogFormat)
	if err != nil {
		return nil, err
	}
	log.AddHook(&writer.Hook{Writer: b.out.notes, LogLevels: []logrus.Level{logrus.PanicLevel, logrus.FatalLevel, logrus.ErrorLevel, logrus.WarnLevel}})
	n, err := node.New(ctx, conf.config(), log)
	if err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- n.Run(context.WithoutCancel(ctx)) }()
	started := &bench.Node{
		DB: n.DB, Store: n.Store, Views: n.Views, URL: n.Addresses().API(),
		Place: func(ctx context.Context, trackingID string, detail json.RawMessage) (domain.OrderID, error) {
			placed, err := n.Placing.Place(ctx, handlers.NewOrder{TrackingID: trackingID, Detail: detail})
			return placed.OrderID, err
		},
		Stop: func() error {
			n.Stop()
			return errors.Join(<-ended, n.Close())
		},
	}
	if err := untilReady(ctx, n); err != nil {
		return nil, errors.Join(err, started.Stop())
	}
	return started, nil
}

func untilReady(ctx context.Context, n *node.Node) error {
	ctx, cancel := context.WithTimeout(ctx, benchStart)
	defer cancel()
	for {
		err := n.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("a node was not ready within %s: %w", benchStart, err)
		case <-time.After(time.Millisecond):
		}
	}
}

// benchStop is how long a process may take to drain before it is killed.
const benchStop = time.Minute

// spawn starts a node as a process of this very program. It is not ended with ctx: it is told to drain.
func (b benchNodes) spawn(_ context.Context, c bench.NodeConfig) (*bench.Process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "orderflow-bench-")
	if err != nil {
		return nil, err
	}
	p, err := process.Start(process.Config{Program: program, Flags: benchFlags(c), Dir: folder, Name: "node", WithParent: true})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(folder))
	}
	stop := func() error { return errors.Join(p.Stop(benchStop), os.RemoveAll(folder)) }
	if err := p.Listening(benchStart); err != nil {
		return nil, errors.Join(err, stop())
	}
	kill := func() error { p.Kill(); return os.RemoveAll(folder) }
	return &bench.Process{PID: p.ID(), Node: p.Node, Admin: p.AdminURL(), URL: p.Addresses.API(), Stop: stop, Kill: kill}, nil
}
