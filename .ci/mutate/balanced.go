package main

const (
	handedOn   = "gateway/authn/forwarded/proxy.go"
	handedText = "gateway/authn/forwarded/fields.go"
	handedDER  = "gateway/authn/forwarded/decode.go"
	balancer   = "gateway/edge/forwarded.go"
	handedRoom = "gateway/authn/forwarded"
	rows       = `TestForwardedCertificates`
)

// balanced is what is asked of certificates that load balancers hand on.
var balanced = []mutation{
	{
		name:  "forwarded: from a proxy alone",
		edits: []edit{{balancer, `if refusal != nil || proxy == nil {`, "if proxy == nil {\n\t\tproxy = p.site.Proxies[0]\n\t}\n\tif refusal != nil {"}},
		red:   []check{{edgeRoom, rows + `/strangers`}},
	},
	{
		name:  "forwarded: a proxy's own certificate opens nothing",
		edits: []edit{{balancer, `if refusal != nil || proxy == nil {`, `if refusal != nil || proxy == nil || p.handed == nil {`}},
		red:   []check{{edgeRoom, rows + `/.*/nothing`}},
	},
	{
		name:  "forwarded: the proxy is still trusted",
		edits: []edit{{balancer, `if p.withdrawn = refusal != nil; p.withdrawn {`, `if p.withdrawn = refusal != nil; p.withdrawn && false {`}},
		red:   []check{{edgeRoom, `TestForwardedVerdictBelongsToItsRequest|TestLiveConnectionsAreJudged`}},
	},
	{
		name:  "forwarded: a connection that is no longer trusted ends",
		edits: []edit{{connection, `if p.withdrawn || p.conn`, `if p.conn`}},
		red:   []check{{edgeRoom, `TestForwardedVerdictBelongsToItsRequest`}, {gatewayRoom, `TestWithdrawnTrust`}},
	},
	{
		name:  "forwarded: the connection of a refused client's lives",
		edits: []edit{{balancer, "\tp.verdict = verdict\n", "\tp.verdict, p.withdrawn = verdict, refusal != nil\n"}},
		red:   []check{{edgeRoom, `TestForwardedVerdictBelongsToItsRequest`}, {edgeRoom, `TestUnixSocket$`}},
	},
	{
		name:  "forwarded: one proxy, not two",
		edits: []edit{{handedOn, `if found != nil {`, `if false {`}},
		red:   []check{{edgeRoom, rows + `/strangers`}},
	},
	{
		name:  "forwarded: taken out of everybody's header",
		edits: []edit{{handedOn, `delete(header, name)`, `_ = values`}},
		red:   []check{{edgeRoom, rows + `/strangers`}},
	},
	{
		name:  "forwarded: the kind that is configured",
		edits: []edit{{handedOn, `kind := kinds[config.Header]`, "kind := kinds[config.Header]\n\tif config.Header == \"XFCC\" {\n\t\tkind = kinds[\"CLIENT_CERT\"]\n\t}"}},
		red:   []check{{edgeRoom, rows + `/envoy/in_the_way_of`}},
	},
	{
		name:  "forwarded: by the trust and the time of now",
		edits: []edit{{handedOn, `verdict, refusal = trust.Current(before, now)`, `verdict, refusal = before, nil`}},
		red:   []check{{edgeRoom, `TestForwardedVerdictBelongsToItsRequest`}, {handedRoom, `TestRemembered`}},
	},
	{
		name:  "forwarded: a bound on what is remembered",
		edits: []edit{{handedOn, `if len(p.known) >= maxKnown {`, `if false {`}},
		red:   []check{{handedRoom, `TestRemembered`}},
	},
	{
		name:  "forwarded: remembered with its chain",
		edits: []edit{{handedText, `all = append(append(all, s.leaf...), s.chain...)`, `all = append(all, s.leaf...)`}},
		red:   []check{{handedRoom, `TestRemembered`}},
	},
	{
		name:  "forwarded: chains are believed where that is asked for",
		edits: []edit{{handedOn, `Believed: p.TrustChainVerified && len(certs) == 1`, `Believed: len(certs) == 1`}},
		red:   []check{{edgeRoom, rows + `/haproxy/no_chain|` + rows + `/envoy/without_its_intermediate`}},
	},
	{
		name:  "forwarded: chains that are there are judged",
		edits: []edit{{handedOn, `Believed: p.TrustChainVerified && len(certs) == 1`, `Believed: p.TrustChainVerified`}},
		red:   []check{{edgeRoom, rows + `/nginx/a_chain_of|` + rows + `/believed-google/a_chain_of`}},
	},
	{
		name:  "forwarded: Google's flag",
		edits: []edit{{handedOn, `if presented.Believed && !said.verified {`, `if false {`}},
		red:   []check{{edgeRoom, rows + `/believed-google/no_chain`}},
	},
	{
		name:  "forwarded: a field once",
		edits: []edit{{handedText, `if len(all) > 1 {`, `if false {`}},
		red:   []check{{edgeRoom, rows + `/.*/twice|` + rows + `/envoy/another_field`}},
	},
	{
		name:  "forwarded: a key once",
		edits: []edit{{handedText, `if seen[key] {`, `if false {`}},
		red:   []check{{edgeRoom, rows + `/envoy/Cert_twice`}},
	},
	{
		name:  "forwarded: its size",
		edits: []edit{{handedText, `if size > maxBytes {`, `if false {`}},
		red:   []check{{edgeRoom, rows + `/.*/a_hundred_certificates`}},
	},
	{
		name:  "forwarded: Google's word of presence",
		edits: []edit{{handedText, `if values[googlePresent] != "true" || s.leaf == "" {`, `if s.leaf == "" {`}},
		red:   []check{{edgeRoom, rows + `/google/absent|` + rows + `/google/no_word`}},
	},
	{
		name:  "forwarded: the last element",
		edits: []edit{{handedDER, "\t\t\tlast = nil\n", "\t\t\treturn last, nil\n"}},
		red:   []check{{edgeRoom, rows + `/envoy/a_good_one_before`}, {handedRoom, `TestLastElement`}},
	},
	{
		name:  "forwarded: what follows on a quote",
		edits: []edit{{handedDER, `case rest[0] != ';':`, `case false:`}},
		red:   []check{{handedRoom, `TestLastElement`}},
	},
	{
		name:  "forwarded: no quote within a value",
		edits: []edit{{handedDER, "strings.ContainsAny(value, `\"\\`)", `false`}},
		red:   []check{{handedRoom, `TestLastElement`}},
	},
	{
		name:  "forwarded: nothing after names that a client may have written",
		edits: []edit{{handedDER, `names = true`, `names = false`}},
		red:   []check{{handedRoom, `TestLastElement`}},
	},
	{
		name:  "forwarded: what the proxy says of the chain is a part of what is remembered",
		edits: []edit{{handedText, `all[0] = '+'`, `all[0] = '-'`}},
		red:   []check{{handedRoom, `TestDigest`}},
	},
	{
		name:  "forwarded: a backslash before a quote",
		edits: []edit{{handedDER, "case '\\\\':\n\t\t\ti++\n", "case '\\\\':\n"}},
		red:   []check{{handedRoom, `TestLastElement`}},
	},
	{
		name:  "forwarded: one leaf",
		edits: []edit{{handedDER, `if len(leaf) != 1 {`, `if len(leaf) == 0 {`}},
		red:   []check{{edgeRoom, rows + `/envoy/two_certificates|` + rows + `/haproxy/joined|` + rows + `/haproxy/two_in_one`}},
	},
	{
		name:  "forwarded: nothing but certificates in PEM",
		edits: []edit{{handedDER, `block.Type != pemType || `, ``}},
		red:   []check{{handedRoom, `TestEscapedPEM`}},
	},
	{
		name:  "forwarded: nothing before PEM",
		edits: []edit{{handedDER, `if bytes.HasPrefix(rest, []byte(pemBegin)) {`, `{`}},
		red:   []check{{handedRoom, `TestEscapedPEM`}},
	},
	{
		name:  "forwarded: certificates that are parsed",
		edits: []edit{{handedDER, `if len(certs) == maxParsed {`, `if len(certs) > maxParsed {`}},
		red:   []check{{handedRoom, `TestChainInOne`}},
	},
	{
		name:  "forwarded: the leaf's dates where its chain is believed",
		edits: []edit{{judge, `case now.Before(valid.from), now.After(valid.to):`, `case false:`}},
		red:   []check{{edgeRoom, `TestBelievedChains`}},
	},
	{
		name:  "forwarded: the leaf's use where its chain is believed",
		edits: []edit{{judge, `return u == x509.ExtKeyUsageAny || slices.Contains(c.KeyUsages, u)`, `return true`}},
		red:   []check{{"gateway/authn", `TestBelieved/another_use`}},
	},
	{
		name:  "forwarded: what the leaf demands where its chain is believed",
		edits: []edit{{judge, `case len(leaf.UnhandledCriticalExtensions) > 0:`, `case false:`}},
		red:   []check{{"gateway/authn", `TestBelieved/a_critical_extension`}},
	},
	{
		name:  "forwarded: told to services",
		edits: []edit{{"gateway/authn/caller.go", `ForwardedBy: presented.ForwardedBy,`, ``}},
		red:   []check{{edgeRoom, rows + `/envoy/ssl.com`}},
	},
	{
		name:  "unix socket: its mode",
		edits: []edit{{"gateway/edge/unix.go", `os.Chmod(path, 0o660)`, `os.Chmod(path, 0o666)`}},
		red:   []check{{edgeRoom, `TestUnixSocket$`}},
	},
	{
		name:  "unix socket: no file is removed",
		edits: []edit{{"gateway/edge/unix.go", `case info.Mode().Type() != os.ModeSocket:`, `case info == nil:`}},
		red:   []check{{edgeRoom, `TestUnixSocketsThatAreThere`}},
	},
	{
		name:  "unix socket: no living process's is removed",
		edits: []edit{{"gateway/edge/unix.go", "if err == nil {\n\t\t_ = other.Close()\n\t\treturn", "if err == nil {\n\t\t_ = other.Close()\n\t\terr = syscall.ECONNREFUSED\n\t}\n\tif false {\n\t\treturn"}},
		red:   []check{{edgeRoom, `TestUnixSocketsThatAreThere`}},
	},
}
