package telemetry

import (
	"context"
	"log/slog"
)

// The results of reading again.
const (
	reloaded = "reloaded"
	notGood  = "failed"
)

// ConfigRead tells what came of a configuration: it is in force, or why it is not. By whom that was asked for is the start, a change of
// the file, SIGHUP or AdminService, and attrs say what is other about it.
func (t *Telemetry) ConfigRead(ctx context.Context, by string, err error, attrs ...slog.Attr) {
	attrs = append([]slog.Attr{slog.String("by", by)}, attrs...)
	if err != nil {
		t.configReloads.count(1, notGood)
		t.audit.LogAttrs(ctx, slog.LevelWarn, "Configuration refused", append(attrs, slog.String("error", err.Error()))...)
		return
	}
	message := "Configuration loaded"
	if by != AtStart {
		t.configReloads.count(1, reloaded)
		message = "Configuration changed"
	}
	t.audit.LogAttrs(ctx, slog.LevelInfo, message, attrs...)
}

// Who has a configuration read.
const (
	AtStart        = "start"
	ByFile         = "file"
	BySignal       = "SIGHUP"
	ByAdminService = "AdminService"
)

// FilesRead counts what came of reading watched files: whether something new is in force, and what is wrong. The name is
// one out of the configuration.
func (t *Telemetry) FilesRead(name string, changed bool, err error) {
	if changed {
		t.fileReloads.count(1, name, reloaded)
	}
	if err != nil {
		t.fileReloads.count(1, name, notGood)
	}
}
