package main

import (
	"orderflow/internal/chaos/harness"
	"orderflow/schema/schematest"
)

// throughProxies gives each node a way of its own to the SQL Server, which can be broken.
// The DSN must say encrypt=disable.
func throughProxies(conf *harness.Config) (stop func(), err error) {
	var all []*schematest.Proxy
	stop = func() {
		for _, p := range all {
			p.Close()
		}
	}
	for range conf.Nodes {
		p, dsn, err := schematest.ListenProxy(conf.DSN)
		if err != nil {
			return stop, err
		}
		all = append(all, p)
		conf.DSNs, conf.Network = append(conf.DSNs, dsn), append(conf.Network, p)
	}
	return stop, nil
}
