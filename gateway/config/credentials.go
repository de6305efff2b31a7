package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/intentgate/intentgate/gateway/authn/secret"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// Credentials returns the credentials of a webhook as package secret wants them.
func Credentials(webhook *gatewayv1.Webhook) []secret.Credential {
	var all []secret.Credential
	for _, c := range webhook.GetCredentials() {
		all = append(all, secret.Credential{
			Name: c.GetName(), Username: c.GetBasic().GetUsername(), Header: c.GetHeader().GetName(), Secrets: secretsOf(c),
			Projects: c.GetProjects(), Agents: c.GetAgents(),
		})
	}
	return all
}

// credentials checks what the credentials of a webhook are and what they stand for.
func (r *report) credentials(at string, webhook *gatewayv1.Webhook) {
	if len(webhook.GetCredentials()) > 0 && len(webhook.GetProjects()) == 0 {
		r.field(at+".projects", "missing, and credentials prove projects; want the projects whose agents may call")
	}
	for i, c := range webhook.GetCredentials() {
		at := fmt.Sprintf("%s.credentials[%d]", at, i)
		if (c.GetBasic() == nil) == (c.GetHeader() == nil) {
			r.field(at, "one of basic and header is wanted")
		}
		name := c.GetBasic().GetUsername()
		if len(name) > 256 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
			r.field(at+".basic.username", "%s; want printable ASCII, at most 256 characters", quote(name))
		}
		if name := c.GetHeader().GetName(); name != "" {
			if err := secret.CheckHeader(name); err != nil {
				r.field(at+".header.name", "%s", err.Error())
			}
			if strings.EqualFold(name, "authorization") && webhook.GetIdToken().GetMode() != "off" {
				r.field(at+".header.name", "%s, where the ID token is; turn tokens off, or choose another header or basic", quote(name))
			}
		}
		var names []string
		for j, id := range c.GetProjects() {
			p := slices.IndexFunc(webhook.GetProjects(), func(p *gatewayv1.Project) bool { return p.GetId() == id })
			if p < 0 {
				r.dangling(fmt.Sprintf("%s.projects[%d]", at, j), "the webhook's projects", id, collect(webhook.GetProjects(), (*gatewayv1.Project).GetId))
				continue
			}
			names = append(names, id, strconv.FormatUint(webhook.GetProjects()[p].GetNumber(), 10))
		}
		if len(c.GetAgents()) > 0 && webhook.GetPlatform() == "ES" {
			r.field(at+".agents", "an ES agent has no name but its project's; remove it")
		}
		for j, agent := range c.GetAgents() {
			if parts := strings.Split(agent, "/"); len(names) > 0 && len(parts) > 1 && !slices.Contains(names, parts[1]) {
				r.field(fmt.Sprintf("%s.agents[%d]", at, j), "%s is of none of the credential's projects; add its project, or remove it", quote(agent))
			}
		}
	}
}
