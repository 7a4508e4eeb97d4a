package cluster

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// AwaitReady waits until the node is in the cluster and its database answers.
func (n *Node) AwaitReady(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		status, err := n.ready(ctx)
		if status == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("node %s is not ready within %s: status %d (%v)", n.Name, within, status, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (n *Node) ready(ctx context.Context) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.Admin()+"/readyz", nil)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}
