package node

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
)

// together is how long after the first signal to stop further ones are taken for the same:
// supervisors signal a process and its group, terminals and scripts signal twice.
const together = time.Second

// StopSignals are the signals that stop a node. SIGHUP is one only where there is no token file; where
// there is one, it is read anew.
func (c *Config) StopSignals() []os.Signal {
	stop := []os.Signal{os.Interrupt, syscall.SIGTERM}
	// Who started the program with nohup wants it to outlive the terminal.
	if c.AuthFile == "" && !signal.Ignored(syscall.SIGHUP) {
		stop = append(stop, syscall.SIGHUP)
	}
	return stop
}

// life holds the ways in which a node ends.
type life struct {
	stopping context.Context // ends when the node is to stop
	stop     context.CancelFunc
	signals  chan os.Signal // caught, and looked at as soon as the node runs
}

// begin catches signals from now on.
func begin(ctx context.Context, conf Config) (l life) {
	l.stopping, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.signals = make(chan os.Signal, 8)
	signal.Notify(l.signals, conf.StopSignals()...)
	if conf.AuthFile != "" {
		signal.Notify(l.signals, syscall.SIGHUP)
	}
	return l
}

func (l life) end() {
	l.stop()
	signal.Stop(l.signals)
}

// watch stops the node at the first signal. A signal that comes at least a second later ends the process,
// as a crash would. reload reads the token file; nil if there is none.
func (l life) watch(log *logrus.Entry, reload func()) func(context.Context) error {
	return func(ctx context.Context) error {
		defer signal.Stop(l.signals)
		var first time.Time
		for {
			select {
			case <-ctx.Done():
				return nil
			case s := <-l.signals:
				entry := log.WithField("signal", s.String())
				switch {
				case s == syscall.SIGHUP && reload != nil:
					reload()
				case first.IsZero():
					first = time.Now()
					entry.Info("draining; a second signal, after a second, quits at once")
					l.stop()
				case time.Since(first) >= together:
					entry.Warn("quitting at once; other nodes take over what was running")
					os.Exit(1)
				}
			}
		}
	}
}
