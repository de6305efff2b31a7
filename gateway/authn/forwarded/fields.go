package forwarded

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/intentgate/intentgate/gateway/authn"
)

// The names that the recipe for Google Cloud gives to its custom header fields, and those of the other kinds.
const (
	googlePresent  = "X-Client-Cert-Present"
	googleVerified = "X-Client-Cert-Chain-Verified"
	googleError    = "X-Client-Cert-Error"
	googleLeaf     = "X-Client-Cert-Leaf"
	googleChain    = "X-Client-Cert-Chain"
	xfccName       = "X-Forwarded-Client-Cert"
	clientCert     = "Client-Cert"
	clientChain    = "Client-Cert-Chain"
)

// maxBytes bounds what is read of a request's fields. Google's load balancer hands on 16 KiB of certificates at most, which are
// 22 KiB in base64.
const maxBytes = 24 << 10

// kind is a way to hand a certificate on.
type kind struct {
	names  []string
	split  func(values map[string]string) (*said, *authn.Refusal)
	decode func(text string) ([][]byte, error) // DER, perhaps of several certificates one after the other
}

var kinds = map[string]*kind{
	"GOOGLE":      {[]string{googlePresent, googleVerified, googleError, googleLeaf, googleChain}, splitGoogle, byteSequences},
	"XFCC":        {[]string{xfccName}, splitXFCC, escapedPEM},
	"CLIENT_CERT": {[]string{clientCert, clientChain}, splitClientCert, byteSequences},
}

// allNames are the fields of all kinds: they are looked for in each request.
var allNames = func() (names []string) {
	for _, kind := range kinds {
		names = append(names, kind.names...)
	}
	return names
}()

// said is what a proxy says of its client, not decoded yet.
type said struct {
	leaf, chain string
	verified    bool   // the proxy stands in for the chain
	problem     string // why it does not
}

// read returns what the fields of this kind say, each of which may stand there once.
func (k *kind) read(fields Fields) (*said, *authn.Refusal) {
	values, size := make(map[string]string, len(k.names)), 0
	for _, name := range k.names {
		all := fields[name]
		if len(all) > 1 {
			return nil, &authn.Refusal{Reason: authn.ForwardedDuplicate, Saw: fmt.Sprintf("%s %d times", name, len(all)), Wanted: "it once"}
		}
		if len(all) == 1 {
			values[name] = all[0]
			size += len(all[0])
		}
	}
	if size > maxBytes {
		return nil, &authn.Refusal{Reason: authn.ForwardedTooLarge, Saw: fmt.Sprintf("%d bytes", size), Wanted: fmt.Sprintf("at most %d", maxBytes)}
	}
	return k.split(values)
}

func splitGoogle(values map[string]string) (*said, *authn.Refusal) {
	s := &said{leaf: values[googleLeaf], chain: values[googleChain], verified: values[googleVerified] == "true"}
	s.problem = fmt.Sprintf("%s: %s, %s: %s", googleVerified, values[googleVerified], googleError, values[googleError])
	if values[googlePresent] != "true" || s.leaf == "" {
		return nil, missing(fmt.Sprintf("%s: %s, %s", googlePresent, values[googlePresent], s.problem), googlePresent+": true and "+googleLeaf)
	}
	return s, nil
}

func splitClientCert(values map[string]string) (*said, *authn.Refusal) {
	s := &said{leaf: values[clientCert], chain: values[clientChain], verified: true}
	if s.chain == noBytes { // as a template makes it where there is nothing
		s.chain = ""
	}
	if s.leaf == "" || s.leaf == noBytes {
		return nil, missing("no "+clientCert, clientCert)
	}
	return s, nil
}

// splitXFCC takes the last element alone, which is of the proxy that connects. What stands before it, anybody may have written.
func splitXFCC(values map[string]string) (*said, *authn.Refusal) {
	if values[xfccName] == "" {
		return nil, missing("no "+xfccName, xfccName+` with Cert="…"`)
	}
	last, err := lastElement(values[xfccName])
	if err != nil {
		return nil, malformed(err)
	}
	s, seen := &said{verified: true}, map[string]bool{}
	for _, p := range last {
		key := strings.ToLower(p.key)
		if key != "cert" && key != "chain" {
			continue
		}
		if seen[key] {
			return nil, &authn.Refusal{Reason: authn.ForwardedDuplicate, Saw: "an element with " + key + " twice", Wanted: "it once"}
		}
		seen[key] = true
		if key == "cert" {
			s.leaf = p.value
		} else {
			s.chain = p.value
		}
	}
	if s.leaf == "" {
		return nil, missing("an element without Cert", `Cert="…"; in Envoy, set_current_client_cert_details: {cert: true, chain: true}`)
	}
	return s, nil
}

func missing(saw, wanted string) *authn.Refusal {
	return &authn.Refusal{Reason: authn.ForwardedMissing, Saw: authn.Printable(saw), Wanted: wanted}
}

func malformed(err error) *authn.Refusal {
	return &authn.Refusal{Reason: authn.ForwardedMalformed, Saw: authn.Printable(err.Error()), Wanted: "a certificate as the proxy's header has it"}
}

// digest is a hash of all that the verdict depends on.
func (s *said) digest() digest {
	all := []byte{'-'}
	if s.verified {
		all[0] = '+'
	}
	all = binary.AppendUvarint(all, uint64(len(s.leaf)))
	all = append(append(all, s.leaf...), s.chain...)
	return sha256.Sum256(all)
}
