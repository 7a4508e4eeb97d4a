package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// catchSignals has signals end no process from now on; see watchSignals.
func catchSignals() chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	return signals
}

// watchSignals has the first signal stop the node and the second end the process. It
// returns when ctx ends.
func (n *node) watchSignals(ctx context.Context, signals chan os.Signal) error {
	defer signal.Stop(signals)
	for asked := false; ; asked = true {
		select {
		case <-ctx.Done():
			return nil
		case s := <-signals:
			if asked {
				n.quit(s)
			}
			n.entry("node").WithField("signal", s.String()).Info("draining; a second signal quits at once")
			n.stop()
		}
	}
}

// quit is a crash, on demand.
func (n *node) quit(s os.Signal) {
	n.entry("node").WithField("signal", s.String()).Warn("quitting at once; other nodes take over what was running")
	os.Exit(exitFailed)
}
