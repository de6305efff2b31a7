package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is what processes have spent so far, in user and system mode and in all their threads. The kernel counts it in nanoseconds,
// and shows it as a clock of the process.
func cpuTime(pids []int) (sum time.Duration, err error) {
	for _, pid := range pids {
		const scheduled = 2 // what the scheduler counts, see clock_getcpuclockid(3)
		var now unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|scheduled), &now); err != nil { //nolint:gosec // a process's number has 22 bits
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		sum += time.Duration(now.Nano())
	}
	return sum, nil
}

// family is a process with those that it has started.
func family(pid int) []int {
	all := []int{pid}
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for child := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(child); err == nil {
				all = append(all, family(pid)...)
			}
		}
	}
	return all
}

// memory is what processes hold now, and what they have held at most since resetPeak, in KiB.
func memory(pids []int) (now, peak int, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, 0, err
		}
		rss, hwm := memoryOf(string(text))
		now, peak = now+rss, peak+hwm
	}
	return now, peak, nil
}

// resetPeak has the kernel forget what processes have held.
func resetPeak(pids []int) error {
	for _, pid := range pids {
		if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
			return err
		}
	}
	return nil
}

// kernel is the version of the system.
func kernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
}
