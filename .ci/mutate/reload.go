package main

const (
	processRoom = "gateway/process"
	replaceFile = processRoom + "/replace.go"
)

// reloads is what keeps turns from noticing that the configuration has changed, and configurations that are no good away.
var reloads = []mutation{
	{
		name:  "reload: a turn goes by one configuration",
		edits: []edit{{balancer, `p.conn.current(p.site.Trust, now)`, `p.conn.current(p.conn.server.config.Site().Trust, now)`}},
		red:   []check{{edgeRoom, `TestSiteIsReplaced`}},
	},
	{
		name:  "reload: turns end before what they are served with",
		edits: []edit{{"gateway/edge/site.go", `if s.users.CompareAndSwap(0, gone) {`, `if s.users.Swap(gone) != gone {`}},
		red:   []check{{edgeRoom, `TestSiteIsHeld|TestSiteIsReplaced`}},
	},
	{
		name:  "reload: calls end before what they are made with",
		edits: []edit{{"gateway/process/generation.go", `defer h.site.Release()`, `h.site.Release()`}},
		red:   []check{{processRoom, `TestCallsOutliveTurns`}},
	},
	{
		name:  "reload: what is replaced ends",
		edits: []edit{{replaceFile, "\tcase <-ctx.Done():\n\t}\n\tg.end()", "\tcase <-ctx.Done():\n\t}"}},
		red:   []check{{e2e, `TestReloadsLeaveNothing`}},
	},
	{
		name:  "reload: services are connected first",
		edits: []edit{{replaceFile, `state == connectivity.Ready && (`, `(state == connectivity.Ready || true) && (`}},
		red:   []check{{processRoom, `TestCallable`}},
	},
	{
		name:  "reload: services have told their intents first",
		edits: []edit{{replaceFile, ` && (service.Intents == nil || !service.Intents().Loaded.IsZero())`, ``}},
		red:   []check{{processRoom, `TestCallable`}},
	},
	{
		name:  "reload: intents of a service that is down",
		edits: []edit{{"gateway/process/catalog.go", `claims.Known = g.described(service)`, ``}},
		red:   []check{{e2e, `TestIntentsOutliveTheirService`}},
	},
	{
		name:  "reload: intents of another service",
		edits: []edit{{"gateway/process/catalog.go", ` && s.GetTarget() == service.GetTarget()`, ``}},
		red:   []check{{e2e, `TestIntentsOutliveTheirService`}},
	},
	{
		name:  "reload: files are watched first",
		edits: []edit{{replaceFile, ` && len(g.files.All()) == g.watchers {`, ` {`}},
		red:   []check{{processRoom, `TestFilesAreWatchedFirst`}},
	},
	{
		name:  "reload: bounds on turns",
		edits: []edit{{replaceFile, `err = p.admission.Set(admissionLimits(settings))`, `err = nil`}},
		red:   []check{{e2e, `TestBoundsChange`}},
	},
	{
		name:  "reload: not while it stops",
		edits: []edit{{replaceFile, `if p.serving.Err() != nil {`, `if false {`}, {replaceFile, `case <-g.serving.Done():`, `case <-context.Background().Done():`}},
		red:   []check{{e2e, `TestTurnKeepsItsConfiguration`}},
	},
	{
		name:  "reload: what cannot change",
		edits: []edit{{"gateway/config/config.go", `if l.inForce != nil {`, `if false {`}},
		red:   []check{{"gateway/config", `TestReload/edge`}, {e2e, `TestBadNewConfiguration`}},
	},
	{
		name:  "reload: keys of ID tokens that are known",
		edits: []edit{{"gateway/authn/idtoken/keys.go", `k.current.Store(config.Known.current.Load())`, ``}},
		red:   []check{{"gateway/authn/idtoken", `TestKnownKeysAreUsed`}},
	},
}
