package child

import "os"

// Signal sends a signal to the process alone.
func (p *Process) Signal(signal os.Signal) error { return p.command.Process.Signal(signal) }
