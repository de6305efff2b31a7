package main

const (
	adminRoom = "gateway/admin"
	adminFile = adminRoom + "/admin.go"
)

// operators is what keeps web pages from the admin listener, and has it end when the gateway does.
var operators = []mutation{
	{
		name:  "admin: names that lead here",
		edits: []edit{{adminFile, `case !isLocal(r.Host):`, `case false:`}},
		red:   []check{{adminRoom, `TestAdminGuard|TestAdminByGRPC`}},
	},
	{
		name:  "admin: origins",
		edits: []edit{{adminFile, `case len(r.Header.Values("Origin")) > 0 || `, `case `}},
		red:   []check{{adminRoom, `TestAdminGuard`}},
	},
	{
		name:  "admin: pages of other sites",
		edits: []edit{{adminFile, ` || site != "" && site != "none" && site != "same-origin"`, ` || site == "-"`}},
		red:   []check{{adminRoom, `TestAdminGuard`}},
	},
	{
		name:  "admin: forms",
		edits: []edit{{adminFile, `r.Method == http.MethodPost && !isJSON(r)`, `false`}},
		red:   []check{{adminRoom, `TestAdminGuard`}},
	},
	{
		name:  "admin: a panic ends one call",
		edits: []edit{{adminRoom + "/rpc.go", `, grpc.UnaryInterceptor(recovering(logger))`, ``}},
		red:   []check{{adminRoom, `TestAdminPanics`}},
	},
	{
		name:  "admin: what lasts ends at a stop",
		edits: []edit{{adminRoom + "/server.go", `	defer time.AfterFunc(grace/2, s.cut).Stop()`, `	defer time.AfterFunc(grace*2, s.cut).Stop()`}},
		red:   []check{{adminRoom, `TestAdminProfiles`}},
	},
	{
		name:  "config: the order of services counts",
		edits: []edit{{"gateway/config/diff.go", ` || path == "services"`, ``}},
		red:   []check{{"gateway/config", `TestDiff/order_of_services`}},
	},
	{
		name:  "config: printed texts load again",
		edits: []edit{{"gateway/config/print.go", `if text == mergeKey {`, `if false {`}},
		red:   []check{{"gateway/config", `TestPrint/texts`}},
	},
	{
		name:  "status: TLS 1.2 at least",
		edits: []edit{{adminRoom + "/status.go", `tls.VersionTLS12`, `tls.VersionTLS10`}},
		red:   []check{{e2e, `TestStatusByTLS`}},
	},
	{
		name:  "status: TLS is not switched off by a reload",
		edits: []edit{{"gateway/config/fixed.go", `if (config.GetStatus().GetCertificate() == nil) != (inForce.GetStatus().GetCertificate() == nil) {`, `if false {`}},
		red:   []check{{"gateway/config", `TestReload/status_by_TLS`}},
	},
	{
		name:  "reload: whoever asks, the log tells",
		edits: []edit{{"gateway/process/reload.go", `if err != nil && !errors.Is(err, admin.ErrStopping) {`, `if false {`}},
		red:   []check{{e2e, `TestReloadByAdmin|TestHangup`}},
	},
}
