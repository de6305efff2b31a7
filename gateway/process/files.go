package process

import (
	"context"

	"github.com/intentgate/intentgate/services/mtls"
)

// watch has files read again when they change, as long as the generation is in force. Operators hear of them by the name of the
// setting that names them, such as edge.certificate.
func (g *generation) watch(name string, files []string, reload mtls.Reload) {
	o := g.watched(name)
	g.runWatcher(func(ctx context.Context) error { return mtls.Watch(ctx, o, files, reload) })
}

// runWatcher runs what watches files by options of watched, and reads them as soon as it does.
func (g *generation) runWatcher(watch func(context.Context) error) {
	g.running = append(g.running, watch)
	g.watchers++
}

// watched returns the options of files that are watched under a name, for those that see to the watching themselves. What is
// to be done on a change is done before anybody is told.
func (g *generation) watched(name string, onChange ...func()) mtls.Options {
	return mtls.Options{Logger: g.logger.With("name", name), Now: g.now, Observe: func(_ context.Context, changed bool, err error) {
		if changed {
			for _, f := range onChange {
				f()
			}
		}
		g.telemetry.FilesRead(name, changed, err)
		g.files.Read(name, err, g.now())
	}}
}
