//go:build !unix

package child

import "os/exec"

// group does nothing where there are none.
func group(*exec.Cmd) {}

// kill ends the process.
func kill(command *exec.Cmd) { _ = command.Process.Kill() }
