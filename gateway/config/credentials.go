package config

import (
	"errors"
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
		_, files := secretFiles(c)
		all = append(all, secret.Credential{
			Name: c.GetName(), Username: c.GetBasic().GetUsername(), Header: c.GetHeader().GetName(), Files: files,
			Projects: c.GetProjects(), Agents: c.GetAgents(),
		})
	}
	return all
}

// secretFiles returns the files of a credential's secret and the key that lists them.
func secretFiles(c *gatewayv1.Credential) (key string, files []string) {
	if c.GetBasic() != nil {
		return "basic.password_files", c.GetBasic().GetPasswordFiles()
	}
	return "header.value_files", c.GetHeader().GetValueFiles()
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

// secrets makes the paths of secrets absolute, starting from folder, and adds every file that will not do, or that stands
// there twice: whoever knows one secret shall not know another.
func (r *report) secrets(webhooks []*gatewayv1.Webhook, folder string) {
	first := map[string]string{}
	for i, webhook := range webhooks {
		at := func(credential, file int) string {
			key, _ := secretFiles(webhook.GetCredentials()[credential])
			return fmt.Sprintf("webhooks[%d].credentials[%d].%s[%d]", i, credential, key, file)
		}
		for j, c := range webhook.GetCredentials() {
			_, files := secretFiles(c)
			for k := range files {
				if r.there(at(j, k), &files[k], folder) {
					r.once(first, files[k], at(j, k))
				}
			}
		}
		_, err := secret.New(Credentials(webhook))
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, problem := range joined.Unwrap() {
				var unfit *secret.FileError
				if errors.As(problem, &unfit) {
					r.field(at(unfit.Credential, unfit.File), "%s", unfit.Error())
				}
			}
		}
	}
}
