package mtls

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long after the first event of a burst the files are read: a certificate and its key are two files, and
// swapping them is several events.
const settle = 100 * time.Millisecond

// Reload reads files again. It tells whether what is in force is new, and what is wrong with the files; both, where some
// of them are good.
type Reload func() (changed bool, err error)

// Watch calls reload at once, when something changes in a folder of the files, and every minute, until the context ends. It
// fails only if the folders cannot be watched; where the system has nothing left to watch with, every minute has to do. What comes of each reading goes to the log, once for each change and each
// fault, and to Options.Observe.
//
// The folders are watched and not the files, because files are replaced by renames, and in Kubernetes not even they
// change but `..data`, a link beside them.
func Watch(ctx context.Context, o Options, files []string, reload Reload) (err error) {
	if o, err = o.complete(); err != nil {
		return err
	}
	add := func() error { return nil } // nothing is told of
	watcher, err := o.newWatcher()
	if err == nil {
		defer func() { err = errors.Join(err, watcher.Close()) }()
		add = func() error { return addFolders(watcher, files) }
		err = add()
	} else {
		watcher = new(fsnotify.Watcher)
	}
	switch {
	case exhausted(err):
		o.Logger.Warn("Watching files failed, reading them every minute", "error", err, "hint", "raise fs.inotify.max_user_instances and max_user_watches")
	case err != nil:
		return fmt.Errorf("watch files: %w", err)
	}
	ticker := time.NewTicker(o.again)
	defer ticker.Stop()
	read := telling(ctx, o, files, reload)
	// What changed between the first reading and now has caused no event.
	read()

	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-watcher.Events:
			if !ok {
				return errors.New("watch files: the watcher ended")
			}
		case <-ticker.C:
			if err := add(); err != nil { // the path may lead to another folder by now
				o.Logger.Warn("Watching files failed, reading them every minute", "error", err)
			}
		case err := <-watcher.Errors:
			// Perhaps too many events at once: what was lost may have been ours.
			o.Logger.Warn("Watching files failed, reading them again", "error", err)
		case <-settled:
			settled = nil
			read()
			continue
		}
		if settled == nil {
			settled = time.After(settle)
		}
	}
}

// exhausted says whether the system, or this user, has nothing left to watch with: that keeps nobody from starting.
func exhausted(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOSPC)
}

// telling returns a function that calls reload and tells what came of it; the log last, when all is done.
func telling(ctx context.Context, o Options, files []string, reload Reload) func() {
	fault := "" // a folder sees many events: one fault is logged once
	return func() {
		changed, err := reload()
		if o.Observe != nil {
			o.Observe(ctx, changed, err)
		}
		if changed {
			o.Logger.Info("Files reloaded", "files", files)
		}
		switch {
		case err == nil:
			if fault != "" && !changed {
				o.Logger.Info("Files are good again", "files", files)
			}
			fault = ""
		case err.Error() != fault:
			fault = err.Error()
			o.Logger.Warn("Kept what is in force because the new files are no good", "files", files, "error", err)
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
