package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain"
	"orderflow/internal/process"
	"orderflow/transport/httpapi"
)

// shutdownTimeout is how long requests under way may take when the node ends.
const shutdownTimeout = 10 * time.Second

// doors are where a node listens, and the tokens that open them.
type doors struct {
	api, admin net.Listener
	auth       *httpapi.Auth
	authFile   string
	log        *logrus.Entry
}

// openDoors reads the tokens and takes the ports, before the database is touched. Requests are answered
// once the node runs.
func openDoors(ctx context.Context, conf Config, log *logrus.Entry) (d doors, err error) {
	d.authFile, d.log = conf.AuthFile, log
	if d.auth, err = httpapi.LoadAuth(d.authFile); err != nil {
		return d, fmt.Errorf("%w: --auth-file: %w", domain.ErrInvalid, err)
	}
	d.warnOfAuthFile()
	if conf.has(roleAPI) {
		if d.api, err = listen(ctx, "--listen", conf.Listen); err != nil {
			return d, err
		}
	}
	d.admin, err = listen(ctx, "--admin", conf.Admin)
	return d, err
}

func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w (another node? give another port, or port 0 for any)", flag, address, err)
	}
	return l, nil
}

func (d *doors) addresses(node string) process.Addresses {
	a := process.Addresses{Node: node, PID: os.Getpid(), Admin: d.admin.Addr().String()}
	if d.api != nil {
		a.Listen = d.api.Addr().String()
	}
	return a
}

// close closes the listeners. Those that were served are closed already.
func (d *doors) close() error {
	var errs []error
	for _, l := range []net.Listener{d.api, d.admin} {
		if l != nil {
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// warnOfAuthFile says so if every user of the machine can read the tokens.
func (d *doors) warnOfAuthFile() {
	const others = 0o004
	if info, err := os.Stat(d.authFile); err == nil && info.Mode()&others != 0 {
		d.log.WithField("file", d.authFile).Warn("every user of this machine can read the tokens: chmod 600 the file")
	}
}

// reloadAuth reads the token file anew. If the file is not valid, the tokens from before stay.
func (d *doors) reloadAuth() {
	entry := d.log.WithField("file", d.authFile)
	if err := d.auth.Reload(d.authFile); err != nil {
		entry.WithError(err).Error("the token file was not read anew: the tokens from before hold on")
		return
	}
	entry.Info("the token file was read anew")
	d.warnOfAuthFile()
}

// serve serves h on l until the node ends; then requests under way are answered.
func serve(l net.Listener, h http.Handler) (run func() error, stop func(error)) {
	server := httpapi.NewServer(l.Addr().String(), h)
	shut := make(chan error, 1)
	return func() error {
			if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("serve %s: %w", l.Addr(), err)
			}
			return <-shut
		}, func(error) {
			ctx, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
			defer cancel()
			err := server.Shutdown(ctx)
			if err != nil {
				err = errors.Join(fmt.Errorf("requests to %s were cut off: %w", l.Addr(), err), server.Close())
			}
			shut <- err
		}
}
