package edge

import (
	"fmt"
	"log/slog"
	"runtime"
	"strings"
)

// Panic tells of a panic in the functions that defer the caller: where it was, and what kind of value it was. The value itself may
// hold what a user said, and so may the arguments in a stack as debug.Stack prints it; only what the runtime says holds nothing.
func Panic(v any) []slog.Attr {
	what := fmt.Sprintf("%T", v)
	if fault, ok := v.(runtime.Error); ok {
		what = fault.Error()
	}
	var at [64]uintptr
	var stack strings.Builder
	frames := runtime.CallersFrames(at[:runtime.Callers(2, at[:])])
	for frame, more := frames.Next(); more; frame, more = frames.Next() {
		fmt.Fprintf(&stack, "%s\n\t%s:%d\n", frame.Function, frame.File, frame.Line)
	}
	return []slog.Attr{slog.String("panic", what), slog.String("stack", stack.String())}
}
