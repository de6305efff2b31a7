package forwarded

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/intentgate/intentgate/gateway/authn"
)

// maxParsed is how many certificates are parsed, which is more than are judged: a chain may begin with the leaf once more.
const maxParsed = 8

// noBytes is a byte sequence of no bytes.
const noBytes = "::"

// certificates decodes what was said, leaf first. The chain may begin with the leaf, as Envoy's does, or not.
func (s *said) certificates(decode func(text string) ([][]byte, error)) ([]*x509.Certificate, *authn.Refusal) {
	leaf, refusal := parse(s.leaf, decode)
	if refusal != nil {
		return nil, refusal
	}
	if len(leaf) != 1 {
		return nil, malformed(fmt.Errorf("%d certificates in the place of one", len(leaf)))
	}
	if s.chain == "" {
		return leaf, nil
	}
	chain, refusal := parse(s.chain, decode)
	if refusal != nil {
		return nil, refusal
	}
	if len(chain) > 0 && bytes.Equal(chain[0].Raw, leaf[0].Raw) {
		chain = chain[1:]
	}
	return append(leaf, chain...), nil
}

func parse(text string, decode func(text string) ([][]byte, error)) (certs []*x509.Certificate, refusal *authn.Refusal) {
	blocks, err := decode(text)
	if err != nil {
		return nil, malformed(err)
	}
	for _, block := range blocks {
		for more := true; more; more = len(block) > 0 {
			var der asn1.RawValue
			if block, err = asn1.Unmarshal(block, &der); err != nil {
				return nil, malformed(errors.New("bytes that are no DER"))
			}
			if len(certs) == maxParsed {
				return nil, &authn.Refusal{Reason: authn.TooManyCertificates, Saw: fmt.Sprintf("more than %d certificates", maxParsed), Wanted: "fewer"}
			}
			cert, err := x509.ParseCertificate(der.FullBytes)
			if err != nil {
				return nil, malformed(err)
			}
			certs = append(certs, cert)
		}
	}
	return certs, nil
}

// byteSequences reads a list of byte sequences (RFC 9651), without parameters: Client-Cert-Chain is one, and Client-Cert one of
// a single member. HAProxy can put a whole chain into one member.
func byteSequences(text string) (blocks [][]byte, err error) {
	for member := range strings.SplitSeq(text, ",") {
		member = strings.Trim(member, " \t")
		if len(member) < len(noBytes) || member[0] != ':' || member[len(member)-1] != ':' || strings.ContainsAny(member, "\r\n") {
			return nil, errors.New("no byte sequence, which base64 between colons is")
		}
		block, err := base64.StdEncoding.Strict().DecodeString(member[1 : len(member)-1])
		if err != nil {
			return nil, errors.New("a byte sequence that is no base64")
		}
		blocks = append(blocks, block)
	}
	return blocks, nil
}

const pemBegin, pemType = "-----BEGIN ", "CERTIFICATE"

// escapedPEM reads certificates in PEM, percent-encoded, with nothing before, between or after them.
func escapedPEM(text string) (blocks [][]byte, err error) {
	plain, err := url.PathUnescape(text) // a plus stays one
	if err != nil {
		return nil, errors.New("no percent-encoding")
	}
	for rest := []byte(plain); ; {
		var block *pem.Block
		if bytes.HasPrefix(rest, []byte(pemBegin)) { // else pem.Decode would look for one
			block, rest = pem.Decode(rest)
		}
		if block == nil || block.Type != pemType || len(block.Headers) > 0 {
			return nil, errors.New("no PEM of certificates alone")
		}
		blocks = append(blocks, block.Bytes)
		if rest = bytes.TrimLeft(rest, "\r\n"); len(rest) == 0 {
			return blocks, nil
		}
	}
}

// pair is a key of an XFCC element with its value.
type pair struct{ key, value string }

// lastElement reads an X-Forwarded-Client-Cert from its beginning, by the quotes, and returns the last element. It is strict: were
// there two ways to read it, a certificate's subject could say where an element begins. Its URI and its DNS names could: Envoy writes
// them last, and without quotes, so that nothing which follows them is believed, be it of the element or the next.
func lastElement(text string) (last []pair, err error) {
	for names := false; ; {
		key, rest, ok := strings.Cut(text, "=")
		key = strings.Trim(key, " \t")
		if !ok || key == "" || strings.ContainsFunc(key, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
			return nil, errors.New("an element that is no list of key=value")
		}
		end := strings.IndexAny(rest, ";,")
		if quoted := strings.HasPrefix(rest, `"`); quoted {
			end = closing(rest)
		} else if end < 0 {
			end = len(rest)
		}
		if end < 0 {
			return nil, errors.New("a quote without its end")
		}
		value := rest[:end]
		if trimmed, quoted := strings.CutPrefix(value, `"`); quoted {
			value = strings.TrimSuffix(trimmed, `"`)
		} else if strings.ContainsAny(value, `"\`) {
			return nil, errors.New("a quote or a backslash in a value without quotes")
		}
		switch strings.ToUpper(key) {
		case "URI", "DNS":
			names = true
		default:
			if names {
				return nil, errors.New("something after URI or DNS, which proxies write as the client's certificate has them")
			}
		}
		last = append(last, pair{key, value})
		switch rest = strings.TrimLeft(rest[end:], " \t"); {
		case rest == "":
			return last, nil
		case rest[0] == ',':
			last = nil
		case rest[0] != ';':
			return nil, errors.New("something between a value's quote and the next key")
		}
		text = rest[1:]
	}
}

// closing returns where a quoted value ends, its quote included; -1 where it does not. A backslash takes the next character
// with it.
func closing(quoted string) int {
	for i := 1; i < len(quoted); i++ {
		switch quoted[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
