package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/gateway/expiry"
	"github.com/intentgate/intentgate/gateway/process"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// checkup looks at what a configuration names.
type checkup struct {
	settings *gatewayv1.Config
	offline  bool // no other machine is asked
	now      func() time.Time

	hearings []hearing // what intents has found out
}

// all is everything that can be known before serving.
func (e *checkup) all(ctx context.Context) doctor.Report {
	report := e.configuration(ctx).About("configuration")
	report = append(report, e.edge().About("edge")...)
	report = append(report, e.profiles().About("profiles")...)
	report = append(report, e.keys(ctx).About("ID token keys")...)
	report = append(report, e.callerTokens().About("caller tokens")...)
	report = append(report, e.webhooks()...)
	report = append(report, e.services(ctx)...)
	return append(report, e.intents(ctx)...)
}

// configuration judges what the loader lets pass.
func (e *checkup) configuration(ctx context.Context) doctor.Report {
	c := e.settings
	report := doctor.Report{doctor.Pass("config", "webhooks %d, services %d, routes %d", len(c.GetWebhooks()), len(c.GetServices()), len(c.GetRoutes()))}
	for _, service := range c.GetServices() {
		if service.GetIntents() == nil && !slices.ContainsFunc(c.GetRoutes(), func(r *gatewayv1.Route) bool { return r.GetService() == service.GetName() }) {
			report = append(report, doctor.Warn("routes", "no route leads to "+service.GetName(), "a use for each service",
				"add a route to it, let it claim intents, or remove the service"))
		}
	}
	for _, listener := range [][2]string{
		{"edge", c.GetEdge().GetListen()}, {"status", c.GetStatus().GetListen()}, {"admin", c.GetAdmin().GetListen()},
	} {
		if listener[1] != "" {
			report = append(report, listenable(ctx, listener[0], listener[1]))
		}
	}
	return append(report, readableSecrets(c)...)
}

// listenable opens an address for a moment.
func listenable(ctx context.Context, what, address string) doctor.Finding {
	if socket, ok := strings.CutPrefix(address, "unix:"); ok {
		if _, err := os.Stat(filepath.Dir(socket)); err != nil {
			return doctor.Fail("listen", what+": "+err.Error(), "a folder for the socket", "make it, for the gateway's user and a group that the proxy's user is in")
		}
		return doctor.Pass("listen", "%s: %s has a folder", what, socket)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	switch {
	case err == nil:
		_ = listener.Close() // nobody has come
		return doctor.Pass("listen", "%s: %s is free", what, address)
	case errors.Is(err, syscall.EADDRINUSE):
		return doctor.Warn("listen", what+": "+err.Error(), "a free address",
			"nothing, if it is this gateway that runs already; else end the other program, or choose another address")
	default:
		return doctor.Fail("listen", what+": "+err.Error(), "an address of this machine that this user may open",
			"correct "+what+".listen; ports below 1024 are for root, or CAP_NET_BIND_SERVICE")
	}
}

// readableSecrets judges who may read the private keys and the files of other secrets.
func readableSecrets(c *gatewayv1.Config) doctor.Report {
	var files []string
	for _, service := range c.GetServices() {
		files = append(files, service.GetTls().GetKey())
	}
	for _, key := range []*gatewayv1.KeyPair{c.GetEdge().GetCertificate(), c.GetStatus().GetCertificate(), c.GetTelemetry().GetTraces().GetOtlp().GetTls().GetCertificate()} {
		if key != nil {
			files = append(files, key.GetKey())
		}
	}
	files = append(files, slices.Concat(config.SecretFiles(c), c.GetCallerTokens().GetKeys())...)
	slices.Sort(files)
	files = slices.DeleteFunc(slices.Compact(files), func(file string) bool { return file == "" }) // a key that is got in another way
	var report doctor.Report
	for _, file := range files {
		info, err := os.Stat(file)
		switch {
		case err != nil:
			report = append(report, doctor.Fail("secret_files", err.Error(), "a file", "correct the path"))
		case info.Mode().Perm()&0o007 != 0:
			report = append(report, doctor.Warn("secret_files", fmt.Sprintf("%s has the mode %s", file, info.Mode().Perm()),
				"a secret that is for its owner and group alone", "chmod o= "+file+"; in Kubernetes defaultMode: 0400 or 0440 of the volume"))
		}
	}
	if report == nil {
		report = doctor.Report{doctor.Pass("secret_files", "%d, each for its owner and group alone", len(files))}
	}
	return report
}

// edge judges the certificate that Dialogflow sees.
func (e *checkup) edge() doctor.Report {
	if len(e.settings.GetEdge().GetProxies()) > 0 && e.settings.GetEdge().GetCertificate() == nil {
		return doctor.Report{doctor.Skip("files", "TLS ends at "+e.settings.GetEdge().GetProxies()[0].GetName()+": ask intentgate doctor with the URL that Dialogflow calls")}
	}
	if acme := e.settings.GetEdge().GetAcme(); acme != nil {
		return doctor.Report{doctor.Skip("server_dates", "a CA issues the certificate while the gateway runs; /readyz tells until when it is good")}
	}
	certificates, err := mtls.ReadCertificates(e.settings.GetEdge().GetCertificate().GetCert())
	var report doctor.Report
	if err == nil {
		report, err = doctor.Served(certificates, e.now())
	}
	if err != nil {
		return doctor.Report{doctor.Fail("files", err.Error(), "the edge's certificate", "correct edge.certificate.cert")}
	}
	return report
}

// profiles judges until when roots are good and profiles are meant to be used.
func (e *checkup) profiles() doctor.Report {
	profiles, err := process.Profiles(e.settings.GetEdge().GetClients())
	if err != nil {
		return doctor.Report{doctor.Fail("roots", err.Error(), "roots", "correct edge.clients")}
	}
	var report doctor.Report
	for end := range process.ProfileEnds(profiles) {
		check := map[string]string{expiry.Root: "roots", expiry.Profile: "dates"}[end.Kind]
		saw := end.Name + " until " + end.NotAfter.UTC().Format(time.RFC3339)
		if len(expiry.Near(slices.Values([]expiry.End{end}), e.now())) > 0 {
			report = append(report, doctor.Warn(check, saw, "more than 30 days", end.Hint()))
		} else {
			report = append(report, doctor.Pass(check, "%s", saw))
		}
	}
	return report
}

// keys fetches the keys of ID tokens once, where any webhook asks for tokens.
func (e *checkup) keys(ctx context.Context) doctor.Report {
	const check = "fetch"
	if !slices.ContainsFunc(e.settings.GetWebhooks(), func(w *gatewayv1.Webhook) bool { return w.GetIdToken().GetMode() != "off" }) {
		return nil
	}
	silent := slog.New(slog.DiscardHandler)
	source, _, err := process.KeySource(e.settings.GetIdTokenKeys(), mtls.Options{Logger: silent})
	if err == nil && source.URL != "" && e.offline {
		return doctor.Report{doctor.Skip(check, source.URL+" is not asked")}
	}
	source.Logger, source.Now = silent, e.now
	var keys *idtoken.Keys
	if err == nil {
		keys, err = idtoken.NewKeys(source) //nolint:contextcheck // a file is read at once
	}
	if err == nil {
		_, err = keys.Reload(ctx)
	}
	if err != nil {
		return doctor.Report{doctor.Fail(check, err.Error(), "the keys that ID tokens are verified with: without them every turn is refused",
			"let the gateway reach "+source.URL+source.File+", directly or by HTTPS_PROXY, with id_token_keys.ca if its CA is no public one; "+
				"or give the keys as a file")}
	}
	status := keys.Status()
	return doctor.Report{doctor.Pass(check, "%d from %s, to be fetched again before %s", status.Keys, status.Source, status.Expires.UTC().Format(time.RFC3339))}
}

// webhooks judges URLs of agents, as the audiences give them, against the certificate and the paths.
func (e *checkup) webhooks() doctor.Report {
	var report doctor.Report
	certificates, _ := mtls.ReadCertificates(e.settings.GetEdge().GetCertificate().GetCert()) // edge tells what is wrong with it
	if len(e.settings.GetEdge().GetProxies()) > 0 {
		certificates = nil // agents call another name, and see another certificate
	}
	if acme := e.settings.GetEdge().GetAcme(); acme != nil {
		certificates = []*x509.Certificate{{DNSNames: acme.GetDomains()}}
	}
	whose := map[string]string{}
	for _, webhook := range e.settings.GetWebhooks() {
		var found doctor.Report
		if webhook.GetIdToken().GetAllowAnyProject() {
			found = append(found, doctor.Warn("project_proof", "none: ID tokens are off, and any customer of Google's may call", "ID tokens, or credentials",
				"give id_token.audiences and projects, and choose the service agent's ID token in the agent"))
		} else {
			found = append(found, doctor.Pass("project_proof", "%s", proofs(webhook)))
		}
		for _, audience := range webhook.GetIdToken().GetAudiences() {
			found = append(found, audienceOf(audience, webhook.GetPath(), certificates))
			if other, ok := whose[audience]; ok {
				found = append(found, doctor.Warn("audience_shared", audience+" is an audience of "+other+" too", "a URL for each webhook",
					"give each webhook the URL of its own path: a token for one can be sent to the other"))
			}
			whose[audience] = webhook.GetPath()
		}
		report = append(report, found.About("webhook "+webhook.GetPath())...)
	}
	return report
}

// proofs says what proves the project of a webhook's turns.
func proofs(webhook *gatewayv1.Webhook) string {
	var by []string
	if webhook.GetIdToken().GetMode() != "off" {
		by = append(by, "ID token")
	}
	for _, credential := range webhook.GetCredentials() {
		by = append(by, "credential "+credential.GetName())
	}
	if len(by) == 0 {
		by = append(by, "certificate of an agent")
	}
	return strings.Join(by, " or ")
}

// audienceOf judges whether Dialogflow gets to the webhook by its URL.
func audienceOf(audience, path string, certificates []*x509.Certificate) doctor.Finding {
	finding := doctor.Finding{Check: "audience", Verdict: doctor.OK, Saw: audience}
	where, err := url.Parse(audience)
	switch {
	case err != nil:
		finding.Verdict, finding.Saw, finding.Wanted, finding.Remedy = doctor.Failed, err.Error(), "a URL", "write the URL as it stands in the agent"
	case where.Path != path:
		finding.Verdict, finding.Wanted = doctor.Warning, "the path "+path
		finding.Remedy = "write path and audience alike, the slash at the end included; right as it is only if a proxy in front of the gateway changes paths"
	case len(certificates) > 0 && certificates[0].VerifyHostname(where.Hostname()) != nil:
		finding.Verdict, finding.Wanted = doctor.Warning, fmt.Sprintf("a name that the edge's certificate has: %s", strings.Join(slices.Collect(mtls.SANs(certificates[0])), ", "))
		finding.Remedy = "issue the certificate for the host of the URL: Dialogflow hangs up on another name"
	}
	return finding
}

// services judges the gateway's own certificates for services, and the hop to each service, all at a time.
func (e *checkup) services(ctx context.Context) doctor.Report {
	reports := make([]doctor.Report, len(e.settings.GetServices()))
	var group sync.WaitGroup
	for i, service := range e.settings.GetServices() {
		group.Go(func() {
			files, workload := service.GetTls(), service.GetTls().GetSpiffe()
			if own, err := mtls.ReadCertificates(files.GetCert()); err == nil { // else the hop tells
				reports[i] = append(reports[i], doctor.Dates("gateway_dates", own[0], e.now()))
			}
			if e.offline {
				reports[i] = append(reports[i], doctor.Skip("target", service.GetTarget()+" is not asked"))
				return
			}
			hop := doctor.Hop{
				Target: service.GetTarget(), ServerName: files.GetServerName(), Now: e.now,
				Files: mtls.Files{Cert: files.GetCert(), Key: files.GetKey(), CA: files.GetCa()},
			}
			if workload != nil {
				hop.SPIFFE, hop.WorkloadAPI, hop.ServerName = true, workload.GetWorkloadApi(), workload.GetServerId()
			}
			reports[i] = append(reports[i], hop.Examine(ctx)...)
		})
	}
	group.Wait()
	for i, service := range e.settings.GetServices() {
		reports[i].About("service " + service.GetName())
	}
	return slices.Concat(reports...)
}
