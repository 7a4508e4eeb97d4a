package main

import (
	"fmt"
	"runtime"

	"github.com/alecthomas/kong"
)

// version is set by the Makefile.
var version = "dev"

// versionCmd prints the version.
type versionCmd struct{ jsonFlag }

func (c *versionCmd) Run(out *output) error {
	if c.JSON {
		return out.json(map[string]string{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH})
	}
	return out.sayf("%s", versionLine())
}

func versionLine() string {
	return fmt.Sprintf("orderflow %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// versionFlag prints what the command does, wherever it is given.
type versionFlag bool

// BeforeReset is called by kong as soon as the flag is read.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	_, err := fmt.Fprintln(app.Stdout, versionLine())
	app.Exit(exitDone)
	return err
}
