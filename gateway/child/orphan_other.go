//go:build unix && !linux

package child

import "syscall"

// orphaned does nothing: only Linux can be asked to.
func orphaned(*syscall.SysProcAttr) {}
