package serve

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/intentgate/intentgate/services/caller"
	"github.com/intentgate/intentgate/services/mtls"
	"github.com/intentgate/intentgate/services/serve/probe"
)

// help takes the service's name, and its own flags.
const help = `%[1]s answers intents over gRPC and mutual TLS. It talks to the callers that it is told of, and to nobody else.

Usage:
  %[1]s --cert FILE --key FILE --ca FILE --assert NAME [--allow NAME]... [flags]
  %[1]s --workload-api ADDRESS --assert NAME [--allow NAME]... [flags]
  %[1]s --descriptors FILE

Example:
  %[1]s --cert %[1]s.pem --key %[1]s.key --ca internal-ca.pem --assert dns:gateway.internal

  Now whoever shows a certificate of internal-ca.pem for gateway.internal may call, and is believed when it says which
  Dialogflow agent it calls for. Everybody else is refused, health checks included.

Flags:
  --listen ADDRESS      where to listen; port 0 takes any free one, and the log says which (default :8443)
  --cert FILE           the service's certificate, its intermediates after it
  --key FILE            the certificate's private key
  --ca FILE             the authorities that issue the callers' certificates
  --workload-api ADDRESS
                        have the SPIFFE Workload API issue all three, such as unix:///run/spire/agent/api.sock; callers are judged
                        by the bundle of their trust domain, and listed as uri:spiffe://<trust domain>/<path>
  --assert NAME         a caller that may say for whom it calls: the gateway; may be given more than once
  --allow NAME          a caller that calls for itself: another program of yours; may be given more than once
  --jwks SOURCE         ask for the gateway's signature with each caller, and verify it by the keys of this file or https URL,
                        which the gateway's caller_tokens make; --trust-domain says whom they are for
  --jwks-ca FILE        the authorities by which that URL's server is judged (default those of --ca)
  --trust-domain NAME   the trust_domain of the gateway's caller_tokens
  --issuer NAME         their issuer (default any)
  --forward NAME=SERVICE
                        a service that may pass on callers, and the gRPC service that the gateway calls it by, such as
                        dns:orders.internal=shop.orders.v1.OrderService; may be given more than once
  --policy FILE         which methods may be called by whom, and for whom; what it does not name nobody may call
  --log-format FORMAT   text or json (default text)
  --descriptors FILE    write the descriptors of the service's methods there, and exit: with them the gateway knows the
                        service's intents (intents.descriptor_set in intentgate.yaml)
  --probe               serve what the conformance kit asks for besides, which is for tests only
%[2]s
A NAME is dns:<name> or uri:<id>, exactly as it stands among the subject alternative names of the caller's certificate.
Files are PEM, and are read again when they change.
`

// parse reads the command line into the configuration. descriptors is the file to write instead of serving, or empty. The
// error is flag.ErrHelp or a *UsageError.
func parse(args []string, config *Config) (logFormat, descriptors string, err error) {
	if config.Listen == "" {
		config.Listen = ":8443"
	}
	flags := flag.NewFlagSet(config.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors and help are written by those who know where to
	flags.StringVar(&config.Listen, "listen", config.Listen, "")
	flags.StringVar(&config.TLS.Cert, "cert", config.TLS.Cert, "")
	flags.StringVar(&config.TLS.Key, "key", config.TLS.Key, "")
	flags.StringVar(&config.TLS.CA, "ca", config.TLS.CA, "")
	flags.StringVar(&config.WorkloadAPI, "workload-api", config.WorkloadAPI, "")
	flags.Func("assert", "", appendTo(&config.Asserting))
	flags.Func("allow", "", appendTo(&config.Allowed))
	tokens := config.tokens()
	flags.StringVar(&tokens.Keys, "jwks", tokens.Keys, "")
	flags.StringVar(&tokens.CA, "jwks-ca", tokens.CA, "")
	flags.StringVar(&tokens.TrustDomain, "trust-domain", tokens.TrustDomain, "")
	flags.StringVar(&tokens.Issuer, "issuer", tokens.Issuer, "")
	flags.Func("forward", "", func(text string) error {
		tokens.Forwarders = append(tokens.Forwarders, text)
		_, err := caller.ParseForwarder(text)
		return err
	})
	flags.Func("policy", "", func(file string) (err error) {
		config.Methods, err = readMethods(file)
		return err
	})
	flags.StringVar(&logFormat, "log-format", "text", "")
	flags.StringVar(&descriptors, "descriptors", "", "")
	beside := flags.Bool("probe", false, "")
	if config.Flags != nil {
		config.Flags.VisitAll(func(own *flag.Flag) { flags.Var(own.Value, own.Name, own.Usage) })
	}

	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return "", "", err
	case err != nil:
		return "", "", &UsageError{err.Error()}
	case flags.NArg() > 0:
		return "", "", &UsageError{fmt.Sprintf("unexpected argument %q: want flags only", flags.Arg(0))}
	case logFormat != "text" && logFormat != "json":
		return "", "", &UsageError{fmt.Sprintf("--log-format is %q: want text or json", logFormat)}
	}
	if !reflect.ValueOf(tokens).IsZero() {
		config.Tokens = &tokens
	}
	if *beside && config.Register != nil {
		config.Register = probe.Beside(config.Register)
	}
	return logFormat, descriptors, nil
}

// tokens are those of the configuration.
func (c *Config) tokens() Tokens {
	if c.Tokens == nil {
		return Tokens{}
	}
	tokens := *c.Tokens
	tokens.Forwarders = slices.Clone(tokens.Forwarders)
	return tokens
}

// readMethods reads a policy, unless it is larger than any that is used.
func readMethods(path string) (_ caller.Methods, err error) {
	file, err := os.Open(path) //nolint:gosec // whoever starts the service names it
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	document, err := io.ReadAll(io.LimitReader(file, caller.MaxMethods+1))
	if err != nil {
		return nil, err
	}
	return caller.ParseMethods(document)
}

// appendTo returns a flag's function that adds the name of a caller to a list.
func appendTo(list *[]string) func(string) error {
	return func(name string) error {
		*list = append(*list, name)
		_, err := mtls.ParseSAN(name)
		return err
	}
}

// ownFlags describes the service's own flags in the manner of help.
func ownFlags(flags *flag.FlagSet) string {
	var b strings.Builder
	if flags != nil {
		flags.VisitAll(func(own *flag.Flag) {
			value, usage := flag.UnquoteUsage(own)
			fmt.Fprintf(&b, "  %-21s %s", "--"+own.Name+" "+value, usage)
			if own.DefValue != "" {
				fmt.Fprintf(&b, " (default %s)", own.DefValue)
			}
			b.WriteByte('\n')
		})
	}
	return b.String()
}
