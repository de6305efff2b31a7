package process

import (
	"bytes"
	"context"
	"crypto/x509"
	"path/filepath"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// trust puts the profiles of the edge in force, and anew when the files of their roots change: also for connections that
// live, since every request is judged by the trust of its time.
func (g *generation) trust(context.Context) error {
	settings := g.settings.GetEdge().GetClients()
	profiles, err := Profiles(settings)
	if err != nil {
		return err
	}
	if g.profiles, err = authn.NewTrust(profiles...); err != nil {
		return err
	}
	if files := rootFiles(settings); len(files) > 0 {
		g.watch("edge.clients", files, func() (bool, error) { return reloadTrust(settings, g.profiles) })
	}
	return nil
}

// reloadTrust replaces the profiles if their roots are others. What is no good changes nothing.
func reloadTrust(settings []*gatewayv1.Profile, trust *authn.Trust) (changed bool, err error) {
	profiles, err := Profiles(settings)
	if err != nil || sameRoots(profiles, trust.Profiles()) {
		return false, err
	}
	if err := trust.Replace(profiles...); err != nil {
		return false, err
	}
	return true, nil
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
func (g *generation) idTokens(context.Context) error {
	asked := false
	for _, webhook := range g.settings.GetWebhooks() {
		if webhook.GetIdToken().GetMode() != "off" {
			asked = true
			continue
		}
		if len(webhook.GetCredentials()) == 0 {
			g.logger.Warn("ID tokens are not verified: projects are what requests state", "webhook", webhook.GetPath())
		}
	}
	if !asked {
		return nil
	}
	source, roots, err := KeySource(g.settings.GetIdTokenKeys(), g.watched("id_token_keys.ca"))
	if err != nil {
		return err
	}
	if roots != nil {
		g.runWatcher(roots.Watch)
	}
	source.Logger, source.Now = g.logger, g.now
	if before := g.current.Load(); before != nil && proto.Equal(before.settings.GetIdTokenKeys(), g.settings.GetIdTokenKeys()) {
		source.Known = before.keys
	}
	keys, err := idtoken.NewKeys(source) //nolint:contextcheck // a file is read at once
	if err != nil {
		return err
	}
	g.keys = keys
	if source.File != "" {
		g.watch("id_token_keys", []string{source.File}, func() (bool, error) { return keys.Reload(context.Background()) }) //nolint:contextcheck // a file
	} else {
		g.running = append(g.running, func(ctx context.Context) error {
			keys.Run(ctx)
			return nil
		})
	}
	g.tokens, err = idtoken.New(idtoken.Config{Keys: keys, Now: g.now})
	return err
}
