package config

import (
	"net"
	"strconv"
	"time"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// otlp checks where spans are sent to, and fills in the name that is expected there.
func (r *report) otlp(at string, otlp *gatewayv1.Otlp) {
	endpoint := otlp.GetEndpoint()
	if endpoint == "" {
		return // which is told
	}
	host, port, err := net.SplitHostPort(endpoint)
	if number, portErr := strconv.ParseUint(port, 10, 16); err != nil || portErr != nil || host == "" || number == 0 {
		r.field(at+".endpoint", "%s; want %s", quote(endpoint), wants["telemetry.traces.otlp.endpoint"])
		return
	}
	if tls := otlp.GetTls(); tls != nil {
		fill(&tls.ServerName, host)
	} else if localProblem(endpoint) != "" {
		r.field(at+".tls", "missing, and %s is another machine; want tls: {} for what the system's CAs vouch for, or {ca: FILE}", quote(endpoint))
	}
}

// telemetry makes the paths of telemetry's files absolute, and adds what will not do.
func (r *report) telemetry(at string, telemetry *gatewayv1.Telemetry, folder string, now time.Time) {
	otlp, at := telemetry.GetTraces().GetOtlp(), at+".traces.otlp"
	if tls := otlp.GetTls(); tls != nil {
		r.roots(at+".tls.ca", &tls.Ca, folder)
		if pair := tls.GetCertificate(); pair != nil {
			r.pair(at+".tls.certificate", &pair.Cert, &pair.Key, folder, now)
		}
	}
}
