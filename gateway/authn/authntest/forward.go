package authntest

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
)

// Forward is the header by which a proxy of the kind hands on a chain, leaf first: GOOGLE, XFCC or CLIENT_CERT.
func Forward(kind string, chain [][]byte) http.Header {
	header := http.Header{}
	switch kind {
	case "GOOGLE":
		header.Set("X-Client-Cert-Present", "true")
		header.Set("X-Client-Cert-Chain-Verified", "true")
		header.Set("X-Client-Cert-Error", "")
		header.Set("X-Client-Cert-Leaf", Sequences(chain[:1]))
		header.Set("X-Client-Cert-Chain", Sequences(chain[1:]))
	case "XFCC": // as Envoy does, whose chain begins with the leaf
		header.Set("X-Forwarded-Client-Cert", `Hash=00ff;Cert="`+EscapedPEM(chain[:1])+`";Chain="`+EscapedPEM(chain)+`"`)
	case "CLIENT_CERT":
		header.Set("Client-Cert", Sequences(chain[:1]))
		header.Set("Client-Cert-Chain", Sequences(chain[1:]))
	}
	return header
}

// Sequences is a list of byte sequences (RFC 9651).
func Sequences(certs [][]byte) string {
	members := make([]string, 0, len(certs))
	for _, cert := range certs {
		members = append(members, ":"+base64.StdEncoding.EncodeToString(cert)+":")
	}
	return strings.Join(members, ", ")
}

// EscapedPEM is PEM, percent-encoded.
func EscapedPEM(certs [][]byte) string {
	var text strings.Builder
	for _, cert := range certs {
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}))
	}
	return url.PathEscape(text.String())
}
