package edge

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn"
)

// header is one of version 2, with what its last part holds.
func header(version, family byte, body string) string {
	return proxySignature + string([]byte{version, family}) + string(binary.BigEndian.AppendUint16(nil, uint16(len(body)))) + body //nolint:gosec // short
}

const (
	overV4 = "\xc0\x00\x02\x01" + "\xc0\x00\x02\xfe" + "\x30\x39\x01\xbb" // from 192.0.2.1:12345
	zeros  = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	overV6 = "\x20\x01\x0d\xb8" + zeros + "\x00" + "\x01" + "\x20\x01\x0d\xb8" + zeros + "\x00" + "\x02" + "\x30\x39\x01\xbb"
	mapped = zeros + "\xff\xff\xc0\x00\x02\x01" + zeros + "\xff\xff\xc0\x00\x02\xfe" + "\x30\x39\x01\xbb"
)

var proxyHeaders = map[string]struct{ sent, want, saw string }{
	"IPv4":                     {header(0x21, 0x11, overV4), "192.0.2.1:12345", ""},
	"IPv6":                     {header(0x21, 0x21, overV6), "[2001:db8::1]:12345", ""},
	"IPv4 in IPv6":             {header(0x21, 0x21, mapped), "192.0.2.1:12345", ""},
	"extensions":               {header(0x21, 0x11, overV4+"\x04\x00\x00"+"\x20\x00\x03abc"), "192.0.2.1:12345", ""},
	"local":                    {header(0x20, 0x00, ""), "", ""},
	"local, with an address":   {header(0x20, 0x11, overV4), "", ""},
	"local, with anything":     {header(0x20, 0xff, "x"), "", ""},
	"as long as may be":        {header(0x21, 0x11, overV4+"\x04\x0f\xe1"+strings.Repeat("x", 4065)), "192.0.2.1:12345", ""},
	"a byte longer":            {header(0x21, 0x11, overV4+"\x04\x0f\xe2"+strings.Repeat("x", 4066)), "", "a header of 4097 bytes"},
	"much longer, and local":   {header(0x20, 0x00, strings.Repeat("x", 65535)), "", "a header of 65551 bytes"},
	"version 1":                {"PROXY TCP4 192.0.2.1 192.0.2.254 12345 443\r\n", "", "version 1"},
	"none":                     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + zeros, "", "none of its headers"},
	"nearly the signature":     {strings.Replace(header(0x21, 0x11, overV4), "QUIT", "QUIt", 1), "", "none of its headers"},
	"another version":          {header(0x31, 0x11, overV4), "", "version and command 0x31"},
	"another command":          {header(0x22, 0x11, overV4), "", "version and command 0x22"},
	"no family":                {header(0x21, 0x00, ""), "", "family and protocol 0x00"},
	"UDP":                      {header(0x21, 0x12, overV4), "", "family and protocol 0x12"},
	"a unix socket":            {header(0x21, 0x31, strings.Repeat("x", 216)), "", "family and protocol 0x31"},
	"IPv6 in the room of IPv4": {header(0x21, 0x21, overV4), "", "a truncated address"},
	"a truncated address":      {header(0x21, 0x11, overV4[:11]), "", "a truncated address"},
	"half an extension":        {header(0x21, 0x11, overV4+"\x04\x00"), "", "a truncated extension"},
	"an extension beyond":      {header(0x21, 0x11, overV4+"\x04\x00\x02x"), "", "a truncated extension"},
}

func TestProxyHeader(t *testing.T) {
	for name, c := range proxyHeaders {
		t.Run(name, func(t *testing.T) {
			from := strings.NewReader(c.sent + "TLS")
			client, err := readProxy(from)
			var refusal *authn.Refusal
			if errors.As(err, &refusal) {
				if refusal.Reason != authn.ProxyHeader || refusal.Saw != c.saw {
					t.Errorf("refused: %v; want saw %q", refusal, c.saw)
				}
				return
			}
			var want netip.AddrPort
			if c.want != "" {
				want = netip.MustParseAddrPort(c.want)
			}
			if c.saw != "" || err != nil || client != want {
				t.Fatalf("%s, %v; want %s, saw %q", client, err, want, c.saw)
			}
			if rest, _ := io.ReadAll(from); string(rest) != "TLS" {
				t.Errorf("%q is left to TLS", rest)
			}
			for n := range len(c.sent) { // the end of the connection at any place
				if client, err := readProxy(strings.NewReader(c.sent[:n])); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) || client.IsValid() {
					t.Fatalf("after %d bytes: %s, %v", n, client, err)
				}
			}
		})
	}
}

// Whatever a proxy sends is an address over TCP, a call of its own, or an error; and never more is read than a header.
func FuzzProxyHeader(f *testing.F) {
	for _, c := range proxyHeaders {
		f.Add([]byte(c.sent))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		from := bytes.NewReader(sent)
		client, err := readProxy(from)
		read := len(sent) - from.Len()
		var refusal *authn.Refusal
		switch {
		case read > proxyBytes:
			t.Errorf("%d bytes were read", read)
		case errors.As(err, &refusal), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			if client.IsValid() {
				t.Errorf("%s in spite of %v", client, err)
			}
		case err != nil:
			t.Errorf("an error of another kind: %v", err)
		case !bytes.HasPrefix(sent, []byte(proxySignature)) || read != 16+int(binary.BigEndian.Uint16(sent[14:])):
			t.Errorf("%d bytes are a header: %q", read, sent[:read])
		case client.IsValid() != (sent[12] == 0x21) || client.Addr().Is4In6():
			t.Errorf("%s by %q", client, sent[:read])
		}
	})
}

// A network of the configuration holds its peers however their addresses are written; one of IPv6 may come with its interface.
func TestSendsProxy(t *testing.T) {
	site := &Site{ProxyPeers: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fe80::/10")}}
	for address, want := range map[string]bool{"10.1.2.3": true, "11.1.2.3": false, "fe80::1": true, "fe80::1%eth0": true, "::1": false} {
		if got := site.sendsProxy(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
}
