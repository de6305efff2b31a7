package config

import (
	"net"
	"strconv"
	"time"

	"github.com/intentgate/intentgate/gateway/secretref"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// minSessionKey is the fewest bytes of the key that sessions are hashed with.
const minSessionKey = 32

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
	r.secret(at+".log.session_key", telemetry.GetLog().GetSessionKey(), folder, minSessionKey)
	otlp, at := telemetry.GetTraces().GetOtlp(), at+".traces.otlp"
	if tls := otlp.GetTls(); tls != nil {
		r.roots(at+".tls.ca", &tls.Ca, folder)
		if pair := tls.GetCertificate(); pair != nil {
			r.pair(at+".tls.certificate", &pair.Cert, &pair.Key, folder, now)
		}
	}
	for name, header := range otlp.GetHeaders() {
		r.secret(at+".headers["+strconv.Quote(name)+"]", header, folder, 1)
	}
}

// secret makes the path of a secret absolute and adds what is wrong with where it comes from, or with what is there. It
// says whether it is all right.
func (r *report) secret(at string, from *gatewayv1.Secret, folder string, least int) bool {
	switch file := from.GetFile() != ""; {
	case from == nil || r.brokenBelow(at):
		return false // where it is needed, that is told
	case file == (from.GetEnv() != ""):
		r.field(at, "one of file and env is wanted, such as {file: secret.txt}")
		return false
	case file && !r.there(at+".file", &from.File, folder):
		return false
	case file:
		at += ".file"
	default:
		at += ".env"
	}
	if _, err := secretref.Read(from, least); err != nil {
		r.field(at, "%s", err.Error())
		return false
	}
	return true
}
