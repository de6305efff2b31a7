package main

import (
	"context"

	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/config"
)

// secrets reads the secrets of each webhook's credentials, and again when their files change.
func (a *assembly) secrets(context.Context) error {
	a.credentials = make([]*secret.Set, len(a.settings.GetWebhooks()))
	for i, webhook := range a.settings.GetWebhooks() {
		if len(webhook.GetCredentials()) == 0 {
			continue
		}
		set, err := secret.New(config.Credentials(webhook))
		if err != nil {
			return err
		}
		a.credentials[i] = set
		a.watch("webhooks."+webhook.GetPath()+".credentials", set.Files(), set.Reload)
	}
	return nil
}
