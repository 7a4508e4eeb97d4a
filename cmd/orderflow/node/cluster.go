package node

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"orderflow/domain/work"
	"orderflow/eventstore"
	"orderflow/eventstore/operations"
	"orderflow/handlers/operate"
	"orderflow/projections"
	"orderflow/projections/cluster"
	"orderflow/schema"
	"orderflow/transport/messaging/inflight"
)

const (
	// clusterEvery is the time between looks at the other nodes and at the views.
	clusterEvery = 5 * time.Second
	// clusterTimeout bounds one look.
	clusterTimeout = 5 * time.Second
)

// Undone says what stands still while no node has a role.
var Undone = map[string]string{
	roleAPI:       "nobody takes orders or answers customers",
	roleWorker:    "nobody works on orders",
	roleProjector: "lists and counts of orders stay as they are",
}

// MissingRoles are the roles that no live node has.
func MissingRoles(nodes []work.Node) []string {
	missing := []string{roleAPI, roleWorker, roleProjector}
	for _, n := range nodes {
		if !n.Expired {
			missing = slices.DeleteFunc(missing, func(role string) bool { return slices.Contains(strings.Split(n.Roles, ","), role) })
		}
	}
	return missing
}

// NewClusterReader makes what reads the cluster in one answer, for a command.
func NewClusterReader(db *schema.DB) *cluster.Reader {
	return newClusterReader(db, operations.NewControls(db).Read, troubles{db: db}, time.Minute, 0)
}

// newClusterReader makes it for whoever knows what operators want of the cluster. An answer waits so long for the history.
// keep is how long this node keeps consumed messages.
func newClusterReader(db *schema.DB, controls func(context.Context) (work.Controls, error), own troubles, wait, keep time.Duration) *cluster.Reader {
	return cluster.NewReader(cluster.Config{
		DB: db, Trouble: own.all, Group: inflight.Workers, Controls: controls, Missing: MissingRoles, Undone: Undone, HistoryWait: wait, Keep: keep,
		Alarms: func(ctx context.Context, most int) ([]work.Alarm, error) {
			return operations.NewAlarms(db).List(ctx, false, most, work.AlarmID{})
		},
		Watched: func(ctx context.Context) (cluster.Watched, error) {
			w, err := AlarmsOf(db).Watchdog(ctx)
			known := cluster.Watched{Late: w.Late, Ever: w.AgeSeconds != nil}
			if known.Ever {
				known.Ago = time.Duration(*w.AgeSeconds * float64(time.Second))
			}
			return known, err
		},
		NodeLost: operate.NodeLost,
		Severity: func(code work.AlarmCode) string { return string(operate.SeverityOf(code)) },
	})
}

// surroundings are the state of the cluster at the last look. They may be read at any time.
type surroundings struct {
	db    *schema.DB
	store *eventstore.Store
	nodes *inflight.Nodes
	log   *logrus.Entry

	lag   atomic.Pointer[int64]    // of the views; nil: not known
	roles atomic.Pointer[[]string] // that no live node has; nil: not known
}

func (s *surroundings) missing() []string {
	if roles := s.roles.Load(); roles != nil {
		return *roles
	}
	return nil
}

// look finds the lag of the views and the roles that no live node has. It logs once when a role goes
// missing and once when it is back. Other parts report a database that does not answer.
func (s *surroundings) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, clusterTimeout)
	defer cancel()
	s.lag.Store(nil)
	if lag, err := projections.Lag(ctx, s.db, s.store); err == nil {
		s.lag.Store(&lag)
	}
	all, err := s.nodes.List(ctx)
	if err != nil {
		return
	}
	before, now := s.missing(), MissingRoles(all)
	s.roles.Store(&now)
	for _, role := range now {
		if !slices.Contains(before, role) {
			s.log.WithField("role", role).Warnf("no live node has the role %s: %s", role, Undone[role])
		}
	}
	for _, role := range before {
		if !slices.Contains(now, role) {
			s.log.WithField("role", role).Infof("a live node has the role %s again", role)
		}
	}
}
