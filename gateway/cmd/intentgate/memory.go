package main

import (
	"log/slog"
	"os"
	"runtime/debug"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

const (
	// garbage is how much may gather until Go collects it, in hundredths of what is alive: a gateway has little alive and makes much garbage, and
	// looking through the first for the sake of the second was an eighth of a turn's CPU with Go's own 100.
	garbage = 400
	// heap is the part of the container's memory from where on Go collects sooner than that. The rest is for the kernel's buffers of connections,
	// and the program's own pages.
	heap = 0.88
)

// tuneMemory tells Go's collector what is good for a gateway, as far as GOGC and GOMEMLIMIT do not. GOMAXPROCS needs nobody: Go follows the
// container's limit of CPU.
func tuneMemory(logger *slog.Logger, limit memlimit.Provider) {
	percent := garbage
	if _, set := os.LookupEnv("GOGC"); set {
		percent = debug.SetGCPercent(-1) // which is how to ask
	}
	debug.SetGCPercent(percent)
	bytes, err := memlimit.Set(memlimit.WithRatio(heap), memlimit.WithProvider(limit))
	if err != nil { // no container, and no kernel that could be asked: Go's own default is none
		logger.Warn("Memory limit unknown: set GOMEMLIMIT", "error", err)
	}
	logger.Info("Memory", "gogc", percent, "limit_bytes", bytes)
}

// containerMemory is the memory of the container or, without one, of the machine.
func containerMemory() (uint64, error) {
	return memlimit.ApplyFallback(memlimit.FromCgroup, memlimit.FromSystem)()
}
