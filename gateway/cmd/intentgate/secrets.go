package main

import (
	"context"
	"log/slog"

	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/services/mtls"
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
		r := &secretReload{set: set, webhook: webhook.GetPath(), logger: a.logger}
		a.beside = append(a.beside, func(ctx context.Context) error { return mtls.Watch(ctx, a.files, set.Files(), r.reload) })
	}
	return nil
}

// secretReload reads the secrets of a webhook again. It is for one goroutine.
type secretReload struct {
	set      *secret.Set
	webhook  string
	logger   *slog.Logger
	lastFail string // one fault is logged once
}

// reload puts other secrets in force. What is no good changes nothing.
func (r *secretReload) reload() error {
	changed, err := r.set.Reload()
	switch {
	case err == nil:
		r.lastFail = ""
		if changed {
			r.logger.Info("Secrets reloaded, for live connections too", "webhook", r.webhook)
		}
	case err.Error() != r.lastFail:
		r.lastFail = err.Error()
		r.logger.Warn("Kept the current secrets because the new files are no good", "webhook", r.webhook, "error", err)
	}
	return err
}
