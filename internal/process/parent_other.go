//go:build !linux

package process

import "syscall"

// withParent can do nothing here: a node outlives a parent that is killed.
func withParent() *syscall.SysProcAttr { return nil }
