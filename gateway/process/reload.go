package process

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/services/mtls"
)

// configName is what operators know the configuration file by, among the files that are watched.
const configName = "config"

// reloader puts the configuration file in force when it changes, and when it is told to: one configuration at a time.
type reloader struct {
	*Process

	mu   sync.Mutex
	mark [sha256.Size]byte // of the file that is in force
}

// Follow has the configuration file put in force when it changes, and at each hangup. It is called before Serve, if at all.
func (p *Process) Follow(hangups <-chan os.Signal) {
	path := p.config.File
	logger := p.logger.With("name", configName)
	p.beside = append(p.beside, func(ctx context.Context) error {
		return mtls.Watch(ctx, mtls.Options{Logger: logger, Now: p.now}, []string{path}, func() (changed bool, err error) {
			return false, p.reloader.reload(ctx, false) // which tells of a change itself
		})
	}, func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangups:
				if err := p.reloader.reload(ctx, true); err != nil {
					logger.WarnContext(ctx, "Kept what is in force because the new files are no good", "files", []string{path}, "error", err)
				}
			}
		}
	})
}

// markOf tells one content of a file from another. That of a file which cannot be read is zero.
func markOf(path string) (mark [sha256.Size]byte) {
	if data, err := os.ReadFile(path); err == nil { //nolint:gosec // the operator names it
		mark = sha256.Sum256(data)
	}
	return mark
}

// reload puts the file in force if it is another one, or in any case. Where it returns an error nothing has changed.
func (r *reloader) reload(ctx context.Context, inAnyCase bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	mark := markOf(r.config.File) // should the file change from here on, it is read once more
	if mark == r.mark && !inAnyCase {
		r.configFile.Read(configName, nil, r.now())
		return nil
	}
	before := r.current.Load().settings
	settings, err := config.Reload(r.config.File, r.now(), before)
	if err == nil && (inAnyCase || !proto.Equal(settings, before)) { // else only a comment is another one
		err = r.replace(ctx, settings)
	}
	if errors.Is(err, errStopping) {
		r.logger.InfoContext(ctx, "Configuration not reloaded", "error", err)
		return nil
	}
	if err == nil {
		r.mark = mark
	}
	r.configFile.Read(configName, err, r.now())
	r.telemetry.ConfigRead(ctx, err)
	return err
}
