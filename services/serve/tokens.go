package serve

import (
	"cmp"
	"context"

	"github.com/intentgate/intentgate/services/caller/token"
	"github.com/intentgate/intentgate/services/mtls"
)

// verifier returns what verifies tokens, and notes what is to run beside it.
func (s *Server) verifier() (*token.Verifier, error) {
	settings := s.config.Tokens
	source := token.KeysConfig{Source: settings.Keys, Logger: s.config.Logger, Now: s.config.Now}
	options := mtls.Options{Logger: s.config.Logger.With("name", "jwks"), Now: s.config.Now}
	watch := func(context.Context) error { return nil }
	if ca := cmp.Or(settings.CA, s.config.TLS.CA); ca != "" { // else there is a file of keys
		roots, err := mtls.OpenRoots(ca, options)
		if err != nil {
			return nil, err
		}
		source.RootCAs, watch = roots.Pool, roots.Watch
	}
	keys, err := token.NewKeys(source)
	if err != nil {
		return nil, err
	}
	if file := keys.File(); file != "" {
		s.tokens = append(s.tokens, func(ctx context.Context) error {
			return mtls.Watch(ctx, options, []string{file}, func() (bool, error) { return keys.Reload(ctx) })
		})
	} else {
		s.tokens = append(s.tokens, watch, func(ctx context.Context) error {
			keys.Run(ctx)
			return nil
		})
	}
	return token.NewVerifier(token.Config{Keys: keys, TrustDomain: settings.TrustDomain, Issuer: settings.Issuer, Now: s.config.Now})
}
