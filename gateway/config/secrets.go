package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/secretref"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

const (
	// MinSessionKey is the fewest bytes of the key that sessions are hashed with.
	MinSessionKey = 32

	// credentialAt is the path of a credential.
	credentialAt = "webhooks[%d].credentials[%d]" //nolint:gosec // a path
)

// reference is a secret that the configuration refers to.
type reference struct {
	at    string // its path
	from  *gatewayv1.Secret
	least int // bytes
}

// references returns all of a configuration's.
func references(config *gatewayv1.Config) []reference {
	all := []reference{{"telemetry.log.session_key", config.GetTelemetry().GetLog().GetSessionKey(), MinSessionKey}}
	headers := config.GetTelemetry().GetTraces().GetOtlp().GetHeaders()
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		all = append(all, reference{"telemetry.traces.otlp.headers[" + strconv.Quote(name) + "]", headers[name], 1})
	}
	for i, webhook := range config.GetWebhooks() {
		for j, c := range webhook.GetCredentials() {
			for k, from := range secretsOf(c) {
				all = append(all, reference{secretAt(c, i, j, k), from, secret.MinSecret})
			}
		}
	}
	return slices.DeleteFunc(all, func(r reference) bool { return r.from == nil })
}

// SecretFiles returns the files that hold secrets.
func SecretFiles(config *gatewayv1.Config) []string {
	var files []string
	for _, reference := range references(config) {
		if file := reference.from.GetFile(); file != "" {
			files = append(files, file)
		}
	}
	return files
}

// secretsOf returns the secrets of a credential.
func secretsOf(c *gatewayv1.Credential) []*gatewayv1.Secret {
	if c.GetBasic() != nil {
		return c.GetBasic().GetPasswords()
	}
	return c.GetHeader().GetValues()
}

// secretAt returns the path of a credential's secret.
func secretAt(c *gatewayv1.Credential, webhook, credential, place int) string {
	at := fmt.Sprintf(credentialAt, webhook, credential)
	if c.GetBasic() != nil {
		return fmt.Sprintf("%s.basic.passwords[%d]", at, place)
	}
	return fmt.Sprintf("%s.header.values[%d]", at, place)
}

// secrets makes the paths of secrets absolute, starting from folder, and adds each that will not do, or that another one is,
// too: whoever knows one secret shall not know another.
func (r *report) secrets(config *gatewayv1.Config, folder string) {
	first := map[string]string{}
	for _, reference := range references(config) {
		if at, from := r.secret(reference, folder), secretref.Place(reference.from); at != "" {
			r.once(first, from, at)
		}
	}
	if r.alone {
		return
	}
	for i, webhook := range config.GetWebhooks() {
		_, err := secret.New(Credentials(webhook))
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, problem := range joined.Unwrap() {
				if unfit, ok := errors.AsType[*secret.PlaceError](problem); ok {
					c := webhook.GetCredentials()[unfit.Credential]
					if at := secretAt(c, i, unfit.Credential, unfit.Place); !r.told[at] {
						r.field(within(at, secretsOf(c)[unfit.Place]), "%s", unfit.Error())
					}
				}
			}
		}
	}
}

// secret makes the path of a secret absolute and adds what is wrong with where it comes from, or with what is there. It
// returns the path of what says the place, unless there is no such thing.
func (r *report) secret(reference reference, folder string) string {
	from, at := reference.from, within(reference.at, reference.from)
	switch {
	case r.brokenBelow(reference.at):
		return ""
	case (from.GetFile() != "") == (from.GetEnv() != ""):
		r.field(reference.at, "one of file and env is wanted, such as {file: secret.txt}")
		return ""
	case from.GetFile() != "" && !r.there(at, &from.File, folder):
		return ""
	}
	if _, err := secretref.Read(from, reference.least); err != nil && !r.alone {
		r.field(at, "%s", err.Error())
	}
	return at
}

// within returns the path of what says where the secret at a path comes from.
func within(at string, from *gatewayv1.Secret) string {
	if from.GetFile() != "" {
		return at + ".file"
	}
	return at + ".env"
}
