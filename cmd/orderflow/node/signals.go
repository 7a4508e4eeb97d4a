package node

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// together is how long after the first signal to stop further ones are taken for the same:
// supervisors signal a process and its group, terminals and scripts signal twice.
const together = time.Second

// StopSignals are the signals that stop a node.
func (c *Config) StopSignals() []os.Signal {
	stop := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// Who started the program with nohup wants it to outlive the terminal.
	if c.AuthFile == "" && !signal.Ignored(syscall.SIGHUP) {
		stop = append(stop, syscall.SIGHUP)
	}
	return stop
}

// catchSignals has signals end no process from now on; see watchSignals.
func (c *Config) catchSignals() chan os.Signal {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, c.StopSignals()...)
	if c.AuthFile != "" {
		signal.Notify(signals, syscall.SIGHUP)
	}
	return signals
}

// watchSignals has the first signal stop the node, and one that comes at least a second later
// end the process. SIGHUP is such a signal only where there is no token file; where there is one,
// it is read anew. It returns when ctx ends.
func (n *Node) watchSignals(ctx context.Context) error {
	defer signal.Stop(n.signals)
	var first time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case s := <-n.signals:
			switch {
			case s == syscall.SIGHUP && n.conf.AuthFile != "":
				n.reloadAuth()
			case first.IsZero():
				first = time.Now()
				n.entry("node").WithField("signal", s.String()).Info("draining; a second signal, after a second, quits at once")
				n.stop()
			case time.Since(first) >= together:
				n.quit(s)
			}
		}
	}
}

// reloadAuth reads the token file anew. From one that is not good nothing is taken.
func (n *Node) reloadAuth() {
	entry := n.entry("node").WithField("file", n.conf.AuthFile)
	if err := n.auth.Reload(n.conf.AuthFile); err != nil {
		entry.WithError(err).Error("the token file was not read anew: the tokens from before hold on")
		return
	}
	entry.Info("the token file was read anew")
	n.warnOfAuthFile()
}

// quit is a crash, on demand.
func (n *Node) quit(s os.Signal) {
	n.entry("node").WithField("signal", s.String()).Warn("quitting at once; other nodes take over what was running")
	os.Exit(1)
}
