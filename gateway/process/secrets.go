package process

import (
	"context"

	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/config"
)

// secrets reads the secrets of each webhook's credentials, and again when their files change.
func (g *generation) secrets(context.Context) error {
	g.credentials = make([]*secret.Set, len(g.settings.GetWebhooks()))
	for i, webhook := range g.settings.GetWebhooks() {
		if len(webhook.GetCredentials()) == 0 {
			continue
		}
		set, err := secret.New(config.Credentials(webhook))
		if err != nil {
			return err
		}
		g.credentials[i] = set
		g.watch("webhooks."+webhook.GetPath()+".credentials", set.Files(), set.Reload)
	}
	return nil
}
