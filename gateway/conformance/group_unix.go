//go:build unix

package conformance

import (
	"os/exec"
	"syscall"
)

// group makes a process the first of a group: whatever it starts belongs to it.
func group(command *exec.Cmd) { command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// kill ends what is left of the group.
func kill(command *exec.Cmd) { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
