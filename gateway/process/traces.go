package process

import (
	"context"

	"github.com/intentgate/intentgate/gateway/build"
	"github.com/intentgate/intentgate/gateway/secretref"
	"github.com/intentgate/intentgate/gateway/telemetry/traces"
)

// tracing begins to send the spans of turns, where the settings say so: to where they say, and from then on that is not changed but
// by another generation. What is left is sent when this one ends.
func (g *generation) tracing(context.Context) error {
	settings := g.settings.GetTelemetry().GetTraces()
	if settings == nil {
		return nil
	}
	otlp := settings.GetOtlp()
	collector := traces.Collector{Endpoint: otlp.GetEndpoint(), Headers: func() (map[string]string, error) {
		headers := make(map[string]string, len(otlp.GetHeaders()))
		for name, from := range otlp.GetHeaders() {
			value, err := secretref.Read(from, 1)
			if err != nil {
				return nil, err
			}
			headers[name] = value
		}
		return headers, nil
	}}
	if tls := otlp.GetTls(); tls != nil {
		collector.TLS = &traces.TLS{
			CA: tls.GetCa(), Cert: tls.GetCertificate().GetCert(), Key: tls.GetCertificate().GetKey(), ServerName: tls.GetServerName(),
		}
	}
	var err error
	g.traces, err = traces.New(traces.Config{
		Collector: collector, Sample: settings.GetSample(), Slow: settings.GetSlow().AsDuration(), LinkInbound: settings.GetLinkInbound(),
		Version: build.Read().Version, Logger: g.logger, Now: g.now, Dropped: g.telemetry.SpansDropped,
	})
	if err != nil {
		return err
	}
	g.undo = append(g.undo, g.traces.Close)
	files := collector.Files()
	for _, from := range otlp.GetHeaders() {
		if from.GetFile() != "" {
			files = append(files, from.GetFile())
		}
	}
	if len(files) > 0 {
		g.watch("telemetry.traces", files, g.traces.Reload)
	}
	return nil
}
