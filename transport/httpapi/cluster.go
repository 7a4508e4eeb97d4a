package httpapi

import (
	"context"
	"net/http"

	"orderflow/projections/cluster"
)

// ClusterReader gives the cluster in one answer.
type ClusterReader interface {
	Read(ctx context.Context) (cluster.Answer, error)
}

// readCluster answers with the cluster. What could not be read is told in the answer.
func (a *admin) readCluster(w http.ResponseWriter, r *http.Request) error {
	found, err := a.cluster.Read(r.Context())
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, found)
}
