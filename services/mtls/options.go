package mtls

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Files are the PEM files of one end of the hop. Each may be replaced at any time, best by a rename.
type Files struct {
	// Cert is the own certificate, followed by its intermediates.
	Cert string
	// Key is the certificate's private key, not encrypted.
	Key string
	// CA holds the authorities whose certificates are accepted from peers.
	CA string
}

// Options are what reading and watching files needs beside the files.
type Options struct {
	// Logger hears of reloads, of those that failed, and of certificates that are out of date. Required.
	Logger *slog.Logger
	// Now is the clock that certificates are compared with; nil is time.Now.
	Now func() time.Time
	// Observe is told what came of each reading that a watch caused, also where nothing had changed, in the goroutine that
	// watches, which waits for it. Nil: nobody is.
	Observe func(ctx context.Context, changed bool, err error)

	// again is how often the files are read without an event: a folder that is replaced as a whole, or lies on another
	// machine, causes none.
	again time.Duration
	// newWatcher is fsnotify's.
	newWatcher func() (*fsnotify.Watcher, error)
}

func (o Options) complete() (Options, error) {
	if o.Logger == nil {
		return o, errors.New("mtls: Options.Logger is missing")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.newWatcher == nil {
		o.newWatcher = fsnotify.NewWatcher
	}
	if o.again == 0 {
		o.again = time.Minute
	}
	return o, nil
}
