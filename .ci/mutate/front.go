package main

const proxying = "gateway/edge/proxyprotocol.go"

// front is what stands before the edge: the PROXY protocol.
var front = []mutation{
	{
		name:  "proxy protocol: wanted of those listed",
		edits: []edit{{handshake, `if s.config.Site().sendsProxy(c.addr.Addr()) {`, `if s.config.Site().sendsProxy(c.addr.Addr()) && false {`}},
		red:   []check{{edgeRoom, `TestProxyProtocol$|TestProxyProtocolOfStrangers/listed,_nothing`}},
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
}
