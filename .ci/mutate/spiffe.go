package main

const (
	issued      = "services/mtls/issued.go"
	workloads   = "services/mtls/spiffe/source.go"
	workloadAPI = "services/mtls/spiffe"
	serveRoom   = "services/serve"
)

// svids is what both ends of a hop demand of each other where the SPIFFE Workload API issues their identities.
var svids = []mutation{
	{
		name:  "spiffe: the server's id",
		edits: []edit{{workloads, `if id != wanted {`, `if false {`}},
		red:   []check{{workloadAPI, `TestServers/another_id|TestServers/an_id_that_begins|TestServers/the_same_id`}},
	},
	{
		name: "spiffe: the bundle of the client's own trust domain",
		edits: []edit{{
			workloads, "_, chains, err := x509svid.Verify(certs, all.Bundles, x509svid.WithTime(now))\n\t\t\treturn chains, err",
			"roots := x509.NewCertPool()\n\t\t\tfor _, bundle := range all.Bundles.Bundles() {\n\t\t\t\tfor _, root := range bundle.X509Authorities() {\n\t\t\t\t\troots.AddCert(root)\n\t\t\t\t}\n\t\t\t}\n" +
				"\t\t\treturn certs[0].Verify(x509.VerifyOptions{Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})",
		}},
		red: []check{{workloadAPI, `TestClients/an_id_by_another|TestClients/an_id_of_another|TestClients/two_ids|TestClients/a_DNS_name`}},
	},
	{
		name:  "spiffe: a client certificate at all",
		edits: []edit{{issued, `tls.RequireAnyClientCert`, `tls.RequestClientCert`}},
		red:   []check{{workloadAPI, `TestClients/no_certificate`}},
	},
	{
		name:  "spiffe: TLS 1.3 from clients",
		edits: []edit{{issued, `MinVersion:   tls.VersionTLS13`, `MinVersion:   tls.VersionTLS12`}},
		red:   []check{{workloadAPI, `TestClients/TLS_1.2`}},
	},
	{
		name:  "spiffe: TLS 1.3 from servers",
		edits: []edit{{issued, `config.MinVersion, config.NextProtos = tls.VersionTLS13,`, `config.MinVersion, config.NextProtos = tls.VersionTLS12,`}},
		red:   []check{{workloadAPI, `TestServers/TLS_1.2`}},
	},
	{
		name:  "spiffe: connections that live are judged by what is in force",
		edits: []edit{{issued, "\t\tid.endUntrusted()\n", ""}},
		red:   []check{{workloadAPI, `TestRotation|TestBundleWithdrawn`}},
	},
	{
		name:  "spiffe: a bundle that is withdrawn",
		edits: []edit{{workloads, ` && same(w.bundles, all.Bundles) {`, ` {`}},
		red:   []check{{workloadAPI, `TestBundleWithdrawn`}},
	},
	{
		name:  "spiffe: nothing new where the same is issued again",
		edits: []edit{{workloads, `if before.Certificate != nil && `, `if false && `}},
		red:   []check{{workloadAPI, `TestWorkloadAPIAway`}},
	},
	{
		name:  "spiffe: no certificate that has expired",
		edits: []edit{{issued, `case now.After(i.Certificate.Leaf.NotAfter):`, `case false:`}},
		red:   []check{{workloadAPI, `TestExpired`}},
	},
	{
		name:  "spiffe: a Workload API of this machine",
		edits: []edit{{workloads, `if !onThisMachine(target) {`, `if target == "" {`}},
		red:   []check{{workloadAPI, `TestAddress`}, {serveRoom, `TestNewRefusesGaps/a_Workload_API_of_another`}, {configRoom, `TestVerdicts/spiffe`}},
	},
	{
		name:  "spiffe: ids that are ids",
		edits: []edit{{workloads, `if err == nil && id.Path() == "" {`, `if false {`}},
		red:   []check{{configRoom, `TestVerdicts/spiffe`}},
	},
	{
		name:  "spiffe: an identity is no :authority",
		edits: []edit{{"services/mtls/credentials.go", `if t.id.issued != nil { // an identity is no :authority`, `if false {`}},
		red:   []check{{workloadAPI, `TestServers$`}},
	},
	{
		name:  "spiffe: files or a Workload API",
		edits: []edit{{"services/serve/config.go", `need(c.TLS == mtls.Files{}, `, `need(true, `}},
		red:   []check{{serveRoom, `TestNewRefusesGaps/files_and_a_Workload`}},
	},
	{
		name:  "spiffe: callers by their SPIFFE IDs alone",
		edits: []edit{{"services/serve/config.go", `problems = append(problems, notIssued(&policy)...)`, `_ = notIssued(&policy)`}},
		red:   []check{{serveRoom, `TestNewRefusesGaps/callers_of_a_Workload`}},
	},
	{
		name:  "spiffe: a renewed SVID is shown to services",
		edits: []edit{{issued, `changed := now.Version != id.seen`, `changed := false`}},
		red:   []check{{e2e, `TestSPIFFE$`}},
	},
	{
		name:  "spiffe: one stream for all services and configurations",
		edits: []edit{{"gateway/process/identity.go", `if one == nil {`, `if one == nil || true {`}},
		red:   []check{{e2e, `TestSPIFFE$`}},
	},
	{
		name:  "spiffe: without an SVID there is no token, nor a service",
		edits: []edit{{"gateway/error.go", `if errors.Is(err, callertoken.ErrNobody) {`, `if errors.Is(err, callertoken.ErrNobody) && false {`}},
		red:   []check{{e2e, `TestSPIFFEAway`}},
	},
	{
		name:  "spiffe: checked before serving",
		edits: []edit{{"gateway/doctor/instance.go", `leaf.URIs[0].String() != i.ServerName`, `i.ServerName == ""`}},
		red:   []check{{e2e, `TestSPIFFECheck/another_service`}},
	},
	{
		name:  "spiffe: SVIDs live for an hour",
		edits: []edit{{"gateway/expiry/expiry.go", `if end.Kind == SVID {`, `if false {`}},
		red:   []check{{"gateway/expiry", `TestNear`}},
	},
}
