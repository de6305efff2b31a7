package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls/spiffe"
)

// domainName is a DNS name of at least two labels.
var domainName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// unixPrefix begins an address that is a unix socket's.
const unixPrefix = "unix:"

// front checks what is before the edge and what it shows there: its certificate, load balancers, the PROXY protocol.
func (r *report) front(config *gatewayv1.Config) {
	edge := config.GetEdge()
	local := strings.HasPrefix(edge.GetListen(), unixPrefix)
	switch pair, acme := r.has("edge.certificate"), r.has("edge.acme"); {
	case pair && acme:
		r.field("edge.acme", "there is edge.certificate already; remove one of the two")
	case local && pair:
		r.field("edge.certificate", "a unix socket is for a proxy that has ended TLS; remove it")
	case local && acme:
		r.field("edge.acme", "a unix socket is for a proxy that has ended TLS; remove it")
	case !local && !pair && !acme:
		r.field("edge.certificate", "missing; want %s", wants["edge.certificate"])
	}
	if acme := edge.GetAcme(); acme != nil {
		r.acme("edge.acme", acme)
	}
	r.proxies(config, local)
	if local && edge.GetProxyProtocol() != nil {
		r.field("edge.proxy_protocol", "a unix socket has no peers in networks; remove it")
	}
	for i, network := range edge.GetProxyProtocol().GetPeers() {
		if prefix, err := netip.ParsePrefix(network); err != nil || prefix != prefix.Masked() || prefix.Addr().Is4In6() { // which would hold nobody: addresses are compared unmapped
			r.field(fmt.Sprintf("edge.proxy_protocol.peers[%d]", i), "%s; want a network such as 10.0.0.0/8, or 10.1.2.3/32 for one address", quote(network))
		}
	}
}

// acme checks how a certificate is got from a CA. Wildcards cannot be proven over TLS-ALPN-01 (RFC 8737).
func (r *report) acme(at string, acme *gatewayv1.Acme) {
	for i, domain := range acme.GetDomains() {
		if _, err := netip.ParseAddr(domain); err == nil || !domainName.MatchString(domain) {
			r.field(fmt.Sprintf("%s.domains[%d]", at, i), "%s; want a DNS name in lower case, such as fulfil.shop.example, without wildcards", quote(domain))
		}
	}
	if u, err := url.Parse(acme.GetDirectory()); acme.GetDirectory() != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		r.field(at+".directory", "%s; want %s", quote(acme.GetDirectory()), wants["edge.acme.directory"])
	}
	if !acme.GetAcceptTerms() {
		r.field(at+".accept_terms", "not true; read the CA's terms of service, and write true if you accept them")
	}
}

// proxies checks who hands client certificates on, and that nobody else's profile lets them do so.
func (r *report) proxies(config *gatewayv1.Config, local bool) {
	edge := config.GetEdge()
	unique(r, edge.GetProxies(), "edge.proxies[%d].name", (*gatewayv1.Proxy).GetName)
	taken := map[string]string{}
	for i, proxy := range edge.GetProxies() {
		at := fmt.Sprintf("edge.proxies[%d]", i)
		switch profile := proxy.GetProfile(); {
		case local && profile != "":
			r.field(at+".profile", "a unix socket proves who connects, without TLS; remove it")
		case local && i > 0:
			r.field(at, "all connections of a unix socket are one proxy's; want one")
		case local:
		case profile == "":
			r.field(at+".profile", "missing, so that anybody could claim any certificate; want the trust profile of the proxy's own certificate")
		case profile == builtIn:
			r.field(at+".profile", "dialogflow is Dialogflow's own certificate; want the trust profile of the proxy's")
		case !slices.ContainsFunc(edge.GetClients(), func(p *gatewayv1.Profile) bool { return p.GetName() == profile }):
			r.dangling(at+".profile", "edge.clients", profile, collect(edge.GetClients(), (*gatewayv1.Profile).GetName))
		default:
			r.once(taken, profile, at+".profile")
			r.reserved(config, profile, proxy.GetName())
		}
	}
	if local && len(edge.GetProxies()) == 0 {
		r.field("edge.proxies", "missing, and nobody but a proxy calls at a unix socket; want its name and header")
	}
}

// reserved adds each webhook that takes a profile which is a proxy's: its certificate says nothing of who called it.
func (r *report) reserved(config *gatewayv1.Config, profile, proxy string) {
	for i, webhook := range config.GetWebhooks() {
		if j := slices.Index(webhook.GetProfiles(), profile); j >= 0 {
			r.field(fmt.Sprintf("webhooks[%d].profiles[%d]", i, j), "%s is the profile of the proxy %s, which calls for others; remove it", quote(profile), proxy)
		}
	}
}

// serviceTLS checks that a service's certificates come by files or by SPIFFE.
func (r *report) serviceTLS(at string, tls *gatewayv1.ServiceTLS) {
	for _, key := range []string{"ca", "cert", "key", "server_name"} {
		given := r.has(at + "." + key)
		switch issued := tls.GetSpiffe() != nil; {
		case issued && given:
			r.field(at+"."+key, "there is spiffe, which says it; remove it")
		case !issued && !given && key != "server_name":
			r.field(at+"."+key, "missing; want %s", wants["services[].tls."+key])
		}
	}
	workload := tls.GetSpiffe()
	if workload == nil {
		return
	}
	if address := workload.GetWorkloadApi(); address != "" || !r.alone { // that of the environment is the machine's
		if _, err := spiffe.Address(address); err != nil {
			r.field(at+".spiffe.workload_api", "%s", err.Error())
		}
	}
	if id := workload.GetServerId(); id != "" {
		if _, err := spiffe.ParseID(id); err != nil {
			r.field(at+".spiffe.server_id", "%s", err.Error())
		}
	}
}
