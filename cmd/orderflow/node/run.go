package node

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/oklog/run"
	"github.com/sirupsen/logrus"

	"orderflow/transport/httpapi"
)

// Run runs the node's parts until the node is told to stop, or a part of it fails. The first one that
// ends has the others end. What works on orders ends first, after draining, so that the rest still
// answers while it does.
func (n *Node) Run(ctx context.Context) error {
	var parts run.Group
	work := n.member.Run
	if n.worker != nil {
		work = n.worker.Run
	}
	work = n.gate.behind(work)
	parts.Add(func() error { return work(n.stopping) }, func(error) { n.stop() })

	background := func(f func(context.Context) error) {
		ctx, cancel := context.WithCancel(ctx)
		parts.Add(func() error { return f(ctx) }, func(error) { cancel() })
	}
	background(n.watchSignals)
	if n.projector != nil {
		background(n.gate.behind(n.projector.Run))
	}
	background(n.losses.Run)
	background(n.followLevel)
	background(n.gate.behind(n.retention().Run))
	background(n.gate.behind(n.lookOnce))
	background(n.watchLostEnd)
	background(n.watchSchema)
	background(n.watchCluster)
	background(n.memory.watch)
	if n.db.WAL() != nil {
		background(n.keepWALShort)
	}
	background(func(ctx context.Context) error { return n.store.Watch(ctx, n.conf.Heartbeat) })
	n.addServers(&parts)
	if err := n.announce(); err != nil {
		return err
	}
	return parts.Run()
}

func (n *Node) addServers(parts *run.Group) {
	if n.apiListener != nil {
		n.addServer(parts, n.apiListener, httpapi.NewAPI(httpapi.APIConfig{
			Placer: n.placing, Views: n.views, History: n.store, Auth: n.auth, AllowedHosts: n.conf.AllowedHosts, InHand: n.memory.inHand(), Logger: n.entry("api"),
		}))
	}
	n.addServer(parts, n.adminListener, httpapi.NewAdmin(httpapi.AdminConfig{
		Node: control{n}, Orders: n.views, Auth: n.auth, AllowedHosts: n.conf.AllowedHosts, Logger: n.entry("admin"),
	}))
}

// Addresses is the content of the file of --addr-file.
type Addresses struct {
	Node   string `json:"node"`
	PID    int    `json:"pid"`
	Listen string `json:"listen,omitempty"` // empty without the role api
	Admin  string `json:"admin"`
}

// announce says what the node is and where it listens. Connections are taken from now on, and
// answered as soon as the servers run.
func (n *Node) announce() error {
	a := Addresses{Node: n.name, PID: os.Getpid(), Admin: n.adminListener.Addr().String()}
	entry := n.entry("node").WithFields(logrus.Fields{
		"version": n.conf.Version, "roles": n.conf.roles(), "workers": n.conf.slots(), "lease": n.conf.LeaseTTL.String(),
		"database": n.db.DSN().String(), "admin": "http://" + a.Admin,
	})
	if n.apiListener != nil {
		a.Listen = n.apiListener.Addr().String()
		entry = entry.WithField("api", "http://"+a.Listen)
	}
	entry.Info("listening")
	if n.conf.AddrFile == "" {
		return nil
	}
	return writeAddresses(n.conf.AddrFile, a)
}

// writeAddresses replaces the file as a whole, so that who waits for it reads all of it.
func writeAddresses(path string, a Addresses) error {
	text, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("--addr-file: %w", err)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".tmp")
	if err := os.WriteFile(temporary, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("--addr-file: %w", err)
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("--addr-file: %w", err)
	}
	return nil
}
