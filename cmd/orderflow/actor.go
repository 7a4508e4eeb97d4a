package main

import (
	"fmt"
	"os"
	"os/user"
)

// actor is an operator by name, the user who runs this if none is given.
func actor(name string) string {
	if u, err := user.Current(); name == "" && err == nil {
		name = u.Username
	}
	if name == "" {
		return "operator"
	}
	return "operator:" + name
}

// runBy is the user who runs this, as the operating system knows the process.
func runBy() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("%s (uid %d)", name, os.Getuid())
}
