package main

const proxying = "gateway/edge/proxyprotocol.go"

const (
	challenging = "gateway/edge/challenge.go"
	issuing     = "gateway/acme/acme.go"
	acmeRoom    = "gateway/acme"
)

// front is what stands before the edge: the PROXY protocol, and ACME CAs.
var front = []mutation{
	{
		name:  "proxy protocol: wanted of those listed",
		edits: []edit{{handshake, `if s.config.Site().sendsProxy(c.addr.Addr()) {`, `if s.config.Site().sendsProxy(c.addr.Addr()) && false {`}},
		red:   []check{{edgeRoom, `TestProxyProtocol$|TestProxyProtocolOfStrangers/listed,_nothing`}},
	},
	{
		name:  "proxy protocol: of those on this link, too",
		edits: []edit{{proxying, `peer = peer.WithZone("")`, `_ = peer`}},
		red:   []check{{edgeRoom, `TestSendsProxy`}},
	},
	{
		name:  "proxy protocol: read of nobody else",
		edits: []edit{{handshake, `if s.config.Site().sendsProxy(c.addr.Addr()) {`, `{`}},
		red:   []check{{edgeRoom, `TestProxyProtocolOfStrangers/unlisted$|TestHandshakes/TLS_1.3/unknown_CA`}},
	},
	{
		name:  "proxy protocol: refused by its name",
		edits: []edit{{handshake, `errors.As(err, &record) && strayProxy(record.RecordHeader)`, `false`}},
		red:   []check{{edgeRoom, `TestProxyProtocolOfStrangers/unlisted,_version_1`}},
	},
	{
		name:  "proxy protocol: its time",
		edits: []edit{{proxying, `_ = c.Conn.SetReadDeadline(time.Unix(1, 0))`, `_ = c.Conn.SetReadDeadline(time.Time{})`}},
		red:   []check{{edgeRoom, `TestProxyProtocolIsSlow`}},
	},
	{
		name:  "proxy protocol: the share is the client's",
		edits: []edit{{proxying, `c.proxy, c.addr = c.addr, client`, `c.proxy = client`}},
		red:   []check{{edgeRoom, `TestProxyProtocolShares`}, {edgeRoom, `TestProxyProtocol$`}},
	},
	{
		name:  "proxy protocol: version 1 is refused",
		edits: []edit{{proxying, `case string(head[:12]) != proxySignature:`, `case string(head[:6]) != proxySignature[:6]:`}},
		red:   []check{{edgeRoom, `TestProxyHeader/nearly_the_signature`}},
	},
	{
		name:  "proxy protocol: version and command",
		edits: []edit{{proxying, `case version != 0x20 && version != 0x21:`, `case version&0xf > 1:`}},
		red:   []check{{edgeRoom, `TestProxyHeader/another_version`}},
	},
	{
		name:  "proxy protocol: the size of a header",
		edits: []edit{{proxying, `case len(head)+length > proxyBytes:`, `case false:`}},
		red:   []check{{edgeRoom, `TestProxyHeader/a_byte_longer`}},
	},
	{
		name:  "proxy protocol: local is no address",
		edits: []edit{{proxying, `if version == 0x20 {`, `if version == 0x20 && length == 0 {`}},
		red:   []check{{edgeRoom, `TestProxyHeader/local,_with_an_address|TestProxyHeader/local,_with_anything`}},
	},
	{
		name:  "proxy protocol: TCP only",
		edits: []edit{{proxying, `if !known {`, `if !known && family == 0 {`}},
		red:   []check{{edgeRoom, `TestProxyHeader/UDP`}},
	},
	{
		name:  "proxy protocol: whole addresses",
		edits: []edit{{proxying, `if length < 2*size+4 {`, `if false {`}},
		red:   []check{{edgeRoom, `TestProxyHeader/a_truncated_address`}},
	},
	{
		name:  "proxy protocol: whole extensions",
		edits: []edit{{proxying, `len(more)-3 < int(binary.BigEndian.Uint16(more[1:]))`, `false`}},
		red:   []check{{edgeRoom, `TestProxyHeader/an_extension_beyond`}},
	},
	{
		name:  "proxy protocol: peers of the configuration",
		edits: []edit{{"gateway/process/generation.go", `g.site.ProxyPeers = append(g.site.ProxyPeers, prefix)`, `_ = prefix`}},
		red:   []check{{e2e, `TestProxyProtocol`}},
	},
	{
		name:  "acme: who offers another protocol is a client",
		edits: []edit{{challenging, `slices.Equal(hello.SupportedProtos, []string{acmeProtocol})`, `slices.Contains(hello.SupportedProtos, acmeProtocol)`}},
		red:   []check{{edgeRoom, `TestChallengeOfStrangers/beside_http/1.1|TestChallengeOfStrangers/after_http/1.1`}},
	},
	{
		name:  "acme: no handler behind a challenge",
		edits: []edit{{handshake, `return errChallenge`, `return nil`}},
		red:   []check{{edgeRoom, `TestChallenge/TLS_1.2|TestChallenge/TLS_1.3`}},
	},
	{
		name: "acme: a config of its own",
		edits: []edit{{handshake, `return c.challenge(site)`, `if config, err := c.challenge(site); err != nil || len(config.NextProtos) == 0 {
				return config, err
			}`}},
		red: []check{{edgeRoom, `TestChallenge/TLS_1.3`}},
	},
	{
		name:  "acme: no tickets of a challenge",
		edits: []edit{{challenging, `SessionTicketsDisabled: true, `, ``}},
		red:   []check{{edgeRoom, `TestChallenge/TLS_1.2|TestChallenge/TLS_1.3`}},
	},
	{
		name:  "acme: pending for that name",
		edits: []edit{{acmeRoom + "/client.go", `return m.pending[name]`, "for _, any := range m.pending {\n\t\treturn any\n\t}\n\treturn nil"}},
		red:   []check{{acmeRoom, `TestPendingChallenge`}},
	},
	{
		name:  "acme: pending as long as the CA looks",
		edits: []edit{{acmeRoom + "/client.go", `delete(s.m.pending, challenge.Identifier.Value)`, ``}},
		red:   []check{{acmeRoom, `TestPendingChallenge`}},
	},
	{
		name:  "acme: nothing is shown before there is a certificate",
		edits: []edit{{handshake, `if certificate == nil {`, `if false {`}},
		red:   []check{{edgeRoom, `TestNoServerCertificate`}},
	},
	{
		name:  "acme: not ready before there is a certificate",
		edits: []edit{{"gateway/admin/health.go", ` && result.Waiting == ""`, ``}},
		red:   []check{{"gateway/admin", `TestStatus`}},
	},
	{
		name:  "acme: the names of a certificate",
		edits: []edit{{issuing, `case !slices.Equal(slices.Sorted(`, `case leaf == nil && !slices.Equal(slices.Sorted(`}},
		red:   []check{{acmeRoom, `TestUseless|TestKept`}},
	},
	{
		name:  "acme: an expired certificate",
		edits: []edit{{issuing, `case !now.Before(leaf.NotAfter):`, `case now.IsZero():`}},
		red:   []check{{acmeRoom, `TestKept`}},
	},
	{
		name:  "acme: ever longer waits",
		edits: []edit{{issuing, `wait := lastWait`, `wait := firstWait`}},
		red:   []check{{acmeRoom, `TestFailures|TestNoRest`}},
	},
	{
		name:  "acme: the CA says when",
		edits: []edit{{issuing, `m.window, m.at = info, info.SelectedTime`, `m.window = info`}},
		red:   []check{{acmeRoom, `TestSuggestedRenewal`}},
	},
	{
		name:  "acme: renewed in time",
		edits: []edit{{issuing, `life*2/3`, `life`}},
		red:   []check{{acmeRoom, `TestRenewal`}},
	},
	{
		name:  "acme: the folder is the gateway's alone",
		edits: []edit{{acmeRoom + "/store.go", `os.Chmod(s.folder, 0o700)`, `os.Chmod(s.folder, 0o755)`}},
		red:   []check{{acmeRoom, `TestKept`}},
	},
	{
		name:  "acme: another one wants a restart",
		edits: []edit{{"gateway/config/fixed.go", `if !proto.Equal(config.GetEdge().GetAcme(), inForce.GetEdge().GetAcme()) {`, `if proto.Equal(config, nil) {`}},
		red:   []check{{"gateway/config", `TestReload/acme`}},
	},
}
