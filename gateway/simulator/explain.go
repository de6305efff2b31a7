package simulator

import (
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// explain words the error of a call, with what mostly lies behind it.
func explain(err error) string {
	if hint := hint(err); hint != "" {
		return err.Error() + ": " + hint
	}
	return err.Error()
}

// hint is empty where the error says it all.
func hint(err error) string {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		network *net.OpError
	)
	switch {
	case timedOut(err):
		return "Dialogflow waits no longer"
	case errors.As(err, &unknown):
		return "the server's certificate is of no CA that is trusted here, or it sends no intermediates; give its CA, as --ca does. ES trusts public CAs only"
	case errors.As(err, &name):
		return "call the server by a name of its certificate, or issue it one for this name, as `intentgate certs --host` does"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	case errors.As(err, &network) && network.Op == "remote error": // an alert
		// Under TLS 1.3 it arrives when the handshake is over for the client.
		if strings.Contains(network.Err.Error(), "protocol version") {
			return "the server does not take this version of TLS"
		}
		return "the server refused the handshake, most often for the client certificate: missing, of an unknown CA, for another " +
			"subject or use, or expired. Its log has the reason (`Handshake refused`)"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the server hung up; under TLS 1.3 it may have refused the client certificate, which its log tells (`Handshake refused`)"
	default:
		return ""
	}
}
