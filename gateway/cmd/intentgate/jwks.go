package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/process"
)

func newJWKSCommand() *cobra.Command {
	var path string
	command := &cobra.Command{
		Use:   "jwks [--config FILE]",
		Short: "Print the public keys by which services verify callers' tokens",
		Long: `Print the public keys of caller_tokens.keys as a JWK set (RFC 7517): the file by which services
verify in whose name the gateway calls. Print it anew when keys are added, and before the
new one is moved to the front and signs. A gateway with TLS on its status listener serves the same
at /.well-known/jwks.json.`,
		Example: `  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out tokens.key
  intentgate jwks --config intentgate.yaml > jwks.json
  orders --jwks jwks.json --trust-domain shop.internal …`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			settings, err := config.LoadAlone(path, false)
			if err != nil {
				return err
			}
			switch tokens := settings.GetCallerTokens(); {
			case tokens == nil:
				return fmt.Errorf("%s has no caller_tokens: calls carry none", path)
			case len(tokens.GetKeys()) == 0:
				return errors.New("caller_tokens has no keys: the gateway makes one at each start, and serves it at /.well-known/jwks.json of its status listener")
			}
			signer, err := process.CallerTokens(settings, nil, time.Now)
			if err != nil {
				return fmt.Errorf("caller_tokens.keys: %w", err)
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "%s\n", signer.JWKS())
			return err
		},
	}
	configFlag(command, &path, "intentgate.yaml", "the configuration file")
	return command
}
