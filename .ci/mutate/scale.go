package main

const (
	affinityFile = "gateway/backend/affinity.go"
	xdsFile      = "gateway/backend/xds.go"
	resolverFile = "gateway/backend/resolver.go"
)

// scale is what holds with several instances of a service, and where a control plane says which there are.
var scale = []mutation{
	{
		name:  "affinity: a session's instance",
		edits: []edit{{instancesFile, `picker = cmp.Or(p.prefer(by), picker)`, `picker = cmp.Or(picker, p.prefer(by))`}},
		red:   []check{{backendRoom, `TestAffinity`}},
	},
	{
		name:  "affinity: by what weighs most, for all gateways alike",
		edits: []edit{{affinityFile, `weight(by.session, one.hash); w >= most`, `uint64(i + 1); w >= most`}},
		red:   []check{{backendRoom, `TestAffinity`}},
	},
	{
		name:  "affinity: spread evenly",
		edits: []edit{{affinityFile, "h = (h ^ h>>30) * 0xbf58476d1ce4e5b9\n\th = (h ^ h>>27) * 0x94d049bb133111eb\n\treturn h ^ h>>31", `return h`}},
		red:   []check{{backendRoom, `TestAffinity`}},
	},
	{
		name:  "affinity: not where calls fail",
		edits: []edit{{affinityFile, ` && !one.of.left(now) {`, ` && now >= 0 {`}},
		red:   []check{{backendRoom, `TestAffinityAndEjection`}},
	},
	{
		name:  "affinity: a further try goes elsewhere",
		edits: []edit{{affinityFile, `for range by.try {`, `for range 1 {`}},
		red:   []check{{backendRoom, `TestAffinityAndEjection`}},
	},
	{
		name:  "affinity: the session stays in the house",
		edits: []edit{{affinityFile, `by.session = hash(call.Session); c.xds {`, `by.session = hash(call.Session); true {`}},
		red:   []check{{backendRoom, `TestAffinity$`}},
	},
	{
		name:  "instances: what services say is in no log",
		edits: []edit{{backendClient, `status.Code(err).String()))`, `err.Error()))`}},
		red:   []check{{backendRoom, `TestAffinityAndEjection`}},
	},
	{
		name:  "names: looked up while all is well",
		edits: []edit{{resolverFile, "case <-anew.C:\n\t\t\tcurrent.ResolveNow(resolver.ResolveNowOptions{})", "case <-anew.C:"}},
		red:   []check{{backendRoom, `TestHeadlessService`}},
	},
	{
		name:  "names: one that is gone changes nothing",
		edits: []edit{{resolverFile, `if len(state.Endpoints) == 0 && len(state.Addresses) == 0 {`, `if false {`}},
		red:   []check{{backendRoom, `TestHeadlessService`}},
	},
	{
		name:  "xds: no control plane without TLS",
		edits: []edit{{xdsFile, `creds.Type == "insecure" && !local(server.URI)`, `creds.Type == ""`}},
		red:   []check{{backendRoom, `TestBootstrap/no_TLS`}},
	},
	{
		name:  "xds: nor another authority's",
		edits: []edit{{xdsFile, `servers = append(servers, authority.Servers...)`, `_ = authority`}},
		red:   []check{{backendRoom, `TestBootstrap/no_TLS,_an_authority`}},
	},
	{
		name:  "xds: a ring that nobody has called is connected",
		edits: []edit{{"gateway/backend/state.go", `_ = conn.ask(ctx)`, `_ = conn`}},
		red:   []check{{backendRoom, `TestXDSAffinity`}},
	},
	{
		name:  "xds: the gateway's tries",
		edits: []edit{{"gateway/backend/options.go", "grpc.WithDisableRetry(),\n", ""}},
		red:   []check{{backendRoom, `TestXDSDoesNotDecide`}},
	},
	{
		name:  "xds: the target's name finds the route",
		edits: []edit{{xdsFile, `info.ServerName = ""`, `_ = info.ServerName`}},
		red:   []check{{backendRoom, `TestXDS$`}},
	},
	{
		name:  "xds: the service of the configuration",
		edits: []edit{{backendClient, `DialOptions(c.Target, c.Credentials(host))`, `DialOptions(c.Target, c.Credentials("somebody.else"))`}},
		red:   []check{{backendRoom, `TestXDS$`}},
	},
}
