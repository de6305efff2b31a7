//go:build unix

package child

import (
	"os/exec"
	"syscall"
)

// group makes a process the first of a group: whatever it starts belongs to it, and no Ctrl-C ends it before its parent does.
func group(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	orphaned(command.SysProcAttr)
}

// kill ends what is left of the group.
func kill(command *exec.Cmd) { _ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
