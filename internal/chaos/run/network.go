package main

import (
	"orderflow/internal/chaos/harness"
	"orderflow/schema/schematest"
)

// throughProxies gives each node a way of its own to the SQL Server, which can be broken.
// The DSN must say encrypt=disable.
func throughProxies(o *harness.Options) (stop func(), err error) {
	var all []*schematest.Proxy
	stop = func() {
		for _, p := range all {
			p.Close()
		}
	}
	for range o.Nodes {
		p, dsn, err := schematest.ListenProxy(o.DSN)
		if err != nil {
			return stop, err
		}
		all = append(all, p)
		o.DSNs, o.Network = append(o.DSNs, dsn), append(o.Network, p)
	}
	return stop, nil
}
