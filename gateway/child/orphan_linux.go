package child

import "syscall"

// orphaned has the kernel end the process when this one has ended without doing so, killed itself. It goes by the thread that
// starts the process, and the runtime ends none that no goroutine has locked.
func orphaned(attributes *syscall.SysProcAttr) { attributes.Pdeathsig = syscall.SIGKILL }
