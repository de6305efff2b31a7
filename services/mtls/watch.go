package mtls

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long after the first event of a burst the files are read: a certificate and its key are two files, and
// swapping them is several events.
const settle = 100 * time.Millisecond

// Watch calls reload at once, when something changes in a folder of the files, and every minute, until the context ends. It
// fails only if the folders cannot be watched; what reload returns it leaves to reload to tell.
func Watch(ctx context.Context, o Options, files []string, reload func() error) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	return watch(ctx, o, files, reload)
}

// watch calls reload when something changes in a folder of the files. The folders are watched and not the files,
// because files are replaced by renames, and in Kubernetes not even they change but `..data`, a link beside them.
func watch(ctx context.Context, o Options, files []string, reload func() error) (err error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch certificates: %w", err)
	}
	defer func() { err = errors.Join(err, watcher.Close()) }()
	if err := addFolders(watcher, files); err != nil {
		return fmt.Errorf("watch certificates: %w", err)
	}
	ticker := time.NewTicker(o.again)
	defer ticker.Stop()
	// What changed between the first reading and now has caused no event.
	o.onReload(reload())

	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watcher.Events:
			if !ok {
				return errors.New("watch certificates: the watcher ended")
			}
		case <-ticker.C:
			if err := addFolders(watcher, files); err != nil { // the path may lead to another folder by now
				o.Logger.Warn("Watching certificates failed, reading them every minute", "error", err)
			}
		case err := <-watcher.Errors:
			// Perhaps too many events at once: what was lost may have been ours.
			o.Logger.Warn("Watching certificates failed, reading them again", "error", err)
		case <-settled:
			settled = nil
			o.onReload(reload())
			continue
		}
		if settled == nil {
			settled = time.After(settle)
		}
	}
}

func addFolders(watcher *fsnotify.Watcher, files []string) error {
	var folders []string
	for _, file := range files {
		folders = append(folders, filepath.Dir(file))
	}
	slices.Sort(folders)
	var problems []error
	for _, folder := range slices.Compact(folders) {
		if err := watcher.Add(folder); err != nil {
			problems = append(problems, fmt.Errorf("folder %s: %w", folder, err))
		}
	}
	return errors.Join(problems...)
}
