package process

import (
	"context"

	"github.com/intentgate/intentgate/gateway/build"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
)

// tracing begins to send the spans of turns, where the settings say so. What is left is sent when the generation ends.
func (g *generation) tracing(context.Context) (err error) {
	settings := g.settings.GetTelemetry().GetTraces()
	if settings == nil {
		return nil
	}
	g.traces, err = traces.New(traces.Config{
		Settings: settings, Version: build.Read().Version, Logger: g.logger, Now: g.now, Dropped: g.telemetry.SpansDropped,
	})
	if err != nil {
		return err
	}
	g.undo = append(g.undo, g.traces.Close)
	if files := g.traces.Files(); len(files) > 0 {
		g.watch("telemetry.traces", files, g.traces.Reload)
	}
	return nil
}
