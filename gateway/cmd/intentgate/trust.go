package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"slices"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// trust puts the profiles of the edge in force, and anew when the files of their roots change: also for connections that
// live, since every request is judged by the trust of its time.
func (a *assembly) trust(context.Context) error {
	settings := a.settings.GetEdge().GetClients()
	profiles, err := trustProfiles(settings)
	if err != nil {
		return err
	}
	if a.profiles, err = authn.NewTrust(profiles...); err != nil {
		return err
	}
	if files := rootFiles(settings); len(files) > 0 {
		r := &trustReload{settings: settings, trust: a.profiles, files: files, logger: a.logger}
		a.beside = append(a.beside, func(ctx context.Context) error { return mtls.Watch(ctx, a.files, files, r.reload) })
	}
	return nil
}

// trustReload reads the roots of profiles again. It is for one goroutine.
type trustReload struct {
	settings []*gatewayv1.Profile
	trust    *authn.Trust
	files    []string
	logger   *slog.Logger
	lastFail string // one fault is logged once
}

// reload replaces the profiles if their roots are others. What is no good changes nothing.
func (r *trustReload) reload() error {
	profiles, err := trustProfiles(r.settings)
	if err == nil && !sameRoots(profiles, r.trust.Profiles()) {
		if err = r.trust.Replace(profiles...); err == nil {
			r.logger.Info("Trust reloaded, for live connections too", "files", r.files)
		}
	}
	switch {
	case err == nil:
		r.lastFail = ""
	case err.Error() != r.lastFail:
		r.lastFail = err.Error()
		r.logger.Warn("Kept the current trust because the new files are no good", "files", r.files, "error", err)
	}
	return err
}

// sameRoots compares the roots of profiles of the same settings.
func sameRoots(a, b []*authn.Profile) bool {
	return slices.EqualFunc(a, b, func(a, b *authn.Profile) bool {
		return slices.EqualFunc(a.Chains, b.Chains, func(a, b authn.Chain) bool {
			return slices.EqualFunc(a.Roots, b.Roots, func(a, b *x509.Certificate) bool { return bytes.Equal(a.Raw, b.Raw) })
		})
	})
}

// rootFiles names the files of roots, and all those of a folder; the built-in profile has none.
func rootFiles(settings []*gatewayv1.Profile) []string {
	var files []string
	for _, profile := range settings {
		roots := profile.GetRoots()
		for _, file := range []string{roots.GetFile(), roots.GetSslCom(), roots.GetGts()} {
			if file != "" {
				files = append(files, file)
			}
		}
		if folder := roots.GetFolder(); folder != "" {
			files = append(files, filepath.Join(folder, "*"))
		}
	}
	return files
}

// idTokens begins to fetch the keys that ID tokens are verified with, if any webhook asks for one.
func (a *assembly) idTokens(context.Context) error {
	asked := false
	for _, webhook := range a.settings.GetWebhooks() {
		if webhook.GetIdToken().GetMode() != "off" {
			asked = true
			continue
		}
		if len(webhook.GetCredentials()) == 0 {
			a.logger.Warn("ID tokens are not verified: projects are what requests state", "webhook", webhook.GetPath())
		}
	}
	if !asked {
		return nil
	}
	source, err := keySource(a.settings.GetIdTokenKeys())
	if err != nil {
		return err
	}
	source.Logger, source.Now = a.logger, a.now
	keys, err := idtoken.NewKeys(source) //nolint:contextcheck // a file is read at once
	if err != nil {
		return err
	}
	a.keys = keys.Status
	a.beside = append(a.beside, func(ctx context.Context) error {
		keys.Run(ctx)
		return nil
	})
	if source.File != "" {
		a.beside = append(a.beside, func(ctx context.Context) error {
			return mtls.Watch(ctx, a.files, []string{source.File}, func() error { return keys.Reload(ctx) })
		})
	}
	a.tokens, err = idtoken.New(idtoken.Config{Keys: keys, Now: a.now})
	return err
}
