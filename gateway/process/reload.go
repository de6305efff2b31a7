package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/admin"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/telemetry"
	"github.com/intentgate/intentgate/services/mtls"
)

// configName is what operators know the configuration file by, among the files that are watched.
const configName = "config"

// reloader puts the configuration file in force when it changes, and when it is told to: one configuration at a time.
type reloader struct {
	*Process

	mu   sync.Mutex
	mark atomic.Pointer[mark] // of the file that is in force
}

// mark tells one content of a file from another.
type mark [sha256.Size]byte

// Follow has the configuration file put in force when it changes, and at each hangup. It is called before Serve, if at all.
func (p *Process) Follow(hangups <-chan os.Signal) {
	path := p.config.File
	logger := p.logger.With("name", configName)
	p.beside = append(p.beside, func(ctx context.Context) error {
		return mtls.Watch(ctx, mtls.Options{Logger: logger, Now: p.now}, []string{path}, func() (changed bool, err error) {
			if err = p.reloader.reload(ctx, telemetry.ByFile); errors.Is(err, admin.ErrStopping) {
				err = nil // the log has it
			}
			return false, err // reload tells of a change itself
		})
	}, func(ctx context.Context) error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-hangups:
				_ = p.reloader.anew(ctx, telemetry.BySignal) // the log has it
			}
		}
	})
}

// anew puts the file in force, changed or not. Where that fails the log says why.
func (r *reloader) anew(ctx context.Context, by string) error {
	err := r.reload(ctx, by)
	if err != nil && !errors.Is(err, admin.ErrStopping) {
		r.logger.WarnContext(ctx, "Kept what is in force because the new files are no good", "name", configName, "files", []string{r.config.File}, "error", err)
	}
	return err
}

// configState tells which file is in force, and what is wrong with the one that is there.
func (p *Process) configState() admin.ConfigState {
	state := admin.ConfigState{File: p.config.File, Loaded: p.current.Load().loaded.UTC(), SHA256: hex.EncodeToString(p.reloader.mark.Load()[:])}
	for _, file := range p.configFile.All() {
		state.Since, state.Error = file.Since, file.Error
	}
	return state
}

// about says which content of a file it is.
func about(file string, of *mark) []slog.Attr {
	return []slog.Attr{slog.String("file", file), slog.String("sha256", hex.EncodeToString(of[:]))}
}

// markOf returns the mark of a file; that of one which cannot be read is zero.
func markOf(path string) *mark {
	var m mark
	if data, err := os.ReadFile(path); err == nil { //nolint:gosec // the operator names it
		m = sha256.Sum256(data)
	}
	return &m
}

// reload puts the file in force if it is another one, or if somebody asks for it. Where it returns an error nothing has changed.
func (r *reloader) reload(ctx context.Context, by string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	mark := markOf(r.config.File) // should the file change from here on, it is read once more
	inAnyCase := by != telemetry.ByFile
	if *mark == *r.mark.Load() && !inAnyCase {
		r.configFile.Read(configName, nil, r.now())
		return nil
	}
	before := r.current.Load().settings
	settings, err := config.Reload(r.config.File, r.now(), before)
	if err == nil && (inAnyCase || !proto.Equal(settings, before)) { // else only a comment is another one
		err = r.replace(ctx, settings)
	}
	if errors.Is(err, admin.ErrStopping) {
		r.logger.InfoContext(ctx, "Configuration not reloaded", "error", err)
		return err
	}
	if err == nil {
		r.mark.Store(mark)
	}
	r.configFile.Read(configName, err, r.now())
	attrs := about(r.config.File, mark)
	if err == nil {
		attrs = append(attrs, changes(before, settings)...)
	}
	r.telemetry.ConfigRead(ctx, by, err, attrs...)
	return err
}
