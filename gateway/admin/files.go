package admin

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// badFiles are watched files that are no good, by name: what was read before is in force instead.
type badFiles struct {
	mu     sync.Mutex
	byName map[string]badFile
}

type badFile struct {
	Name  string    `json:"name"` // of the setting that names the files
	Since time.Time `json:"since"`
	Error string    `json:"error"`
}

// FilesRead says what was wrong with watched files when they were read; nil: nothing. The name is that of the setting
// which names them.
func (h *Health) FilesRead(name string, err error, now time.Time) {
	b := &h.files
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		delete(b.byName, name)
		return
	}
	since := now.UTC()
	if before, ok := b.byName[name]; ok {
		since = before.Since
	} else if b.byName == nil {
		b.byName = map[string]badFile{}
	}
	b.byName[name] = badFile{name, since, err.Error()}
}

func (b *badFiles) list() []badFile {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(maps.Values(b.byName), func(a, b badFile) int { return cmp.Compare(a.Name, b.Name) })
}
