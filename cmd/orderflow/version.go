package main

import (
	"runtime"
)

// version is set by the Makefile.
var version = "dev"

// versionCmd prints the version.
type versionCmd struct{ jsonFlag }

// Run prints the version.
func (c *versionCmd) Run(out *output) error {
	if c.JSON {
		return out.json(map[string]string{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	return out.sayf("orderflow %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
