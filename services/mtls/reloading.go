package mtls

import (
	"context"
	"sync"
	"sync/atomic"
)

// reloading is a value that is made from files, and replaced whole or not at all.
type reloading[T any] struct {
	options Options
	files   []string
	// read makes a value, and tells whether it equals the previous one, which is nil at first.
	read    func(previous *T) (value *T, same bool, err error)
	current atomic.Pointer[T]

	mu       sync.Mutex // held while reading, so that an older reading cannot replace a newer one
	lastFail string     // a folder sees many events: one fault is logged once
}

// reload reads the files, and keeps the current value where they are no good.
func (r *reloading[T]) reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	previous := r.current.Load()
	value, same, err := r.read(previous)
	switch {
	case err != nil && previous == nil:
		return err
	case err != nil:
		if r.lastFail != err.Error() {
			r.options.Logger.Warn("Kept the current certificates because the new files are no good", "files", r.files, "error", err)
			r.lastFail = err.Error()
		}
		return err
	}
	r.lastFail = ""
	if same {
		return nil
	}
	r.current.Store(value)
	if previous != nil {
		r.options.Logger.Info("Certificates reloaded", "files", r.files)
	}
	return nil
}

func (r *reloading[T]) watch(ctx context.Context) error {
	return watch(ctx, r.options, r.files, r.reload)
}
