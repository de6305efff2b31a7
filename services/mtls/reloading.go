package mtls

import (
	"sync"
	"sync/atomic"
)

// reloading is a value that is made from files, and replaced whole or not at all.
type reloading[T any] struct {
	files []string
	// read makes a value, and tells whether it equals the previous one, which is nil at first.
	read    func(previous *T) (value *T, same bool, err error)
	current atomic.Pointer[T]

	mu sync.Mutex // held while reading, so that an older reading cannot replace a newer one
}

// reload reads the files, and keeps the current value where they are no good.
func (r *reloading[T]) reload() (changed bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, same, err := r.read(r.current.Load())
	if err != nil || same {
		return false, err
	}
	r.current.Store(value)
	return true, nil
}
