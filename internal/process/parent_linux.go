package process

import "syscall"

// withParent has a process told to drain when this one is gone, however it ended.
func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
