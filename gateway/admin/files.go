package admin

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// File is what came of the last reading of watched files.
type File struct {
	Name  string    `json:"name"`  // of the setting that names the files
	Since time.Time `json:"since"` // when the fault was seen first
	Error string    `json:"error"` // what is wrong; empty: nothing. What was read before is in force then
}

// Files are watched files by name. The zero value knows of none. It is safe for concurrent use.
type Files struct {
	mu     sync.Mutex
	byName map[string]File
}

// Read says what was wrong with files when they were read; nil: nothing.
func (f *Files) Read(name string, err error, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byName == nil {
		f.byName = map[string]File{}
	}
	file := File{Name: name}
	if err != nil {
		file.Error, file.Since = err.Error(), now.UTC()
		if before := f.byName[name]; before.Error != "" {
			file.Since = before.Since
		}
	}
	f.byName[name] = file
}

// All returns them in the order of their names.
func (f *Files) All() []File {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.SortedFunc(maps.Values(f.byName), func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
}
