package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/oklog/run"

	"orderflow/transport/httpapi"
)

// shutdownTimeout is how long requests under way may take when the node ends.
const shutdownTimeout = 10 * time.Second

// addServer serves h on l until the group ends; then requests under way are answered.
func (n *Node) addServer(parts *run.Group, l net.Listener, h http.Handler) {
	server := httpapi.NewServer(l.Addr().String(), h)
	shut := make(chan error, 1)
	parts.Add(func() error {
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
	})
}
