package main

import (
	"context"

	"github.com/intentgate/intentgate/services/mtls"
)

// watch has files read again when they change, as long as the gateway runs. Operators hear of them by the name of the
// setting that names them, such as edge.certificate.
func (a *assembly) watch(name string, files []string, reload mtls.Reload) {
	o := a.watched(name)
	a.beside = append(a.beside, func(ctx context.Context) error { return mtls.Watch(ctx, o, files, reload) })
}

// watched returns the options of files that are watched under a name, for those that see to the watching themselves. What is
// to be done on a change is done before anybody is told.
func (a *assembly) watched(name string, onChange ...func()) mtls.Options {
	return mtls.Options{Logger: a.logger.With("name", name), Now: a.now, Observe: func(ctx context.Context, changed bool, err error) {
		if changed {
			for _, f := range onChange {
				f()
			}
		}
		a.telemetry.FilesRead(ctx, name, changed, err)
		a.health.FilesRead(name, err, a.now())
	}}
}
