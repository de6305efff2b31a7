package config

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
)

// wants says in words what the schema's rules want of a field, with an example. Indices are left out of the paths.
var wants = map[string]string{ //nolint:gosec // words about credentials
	"edge":                                      "the public listener: listen, certificate, clients",
	"edge.listen":                               `a TCP address such as ":8443", or unix:/run/intentgate/edge.sock`,
	"edge.certificate":                          "the server's certificate: cert and key",
	"edge.certificate.cert":                     "the PEM file of the certificate with its chain",
	"edge.certificate.key":                      "the PEM file of the private key",
	"edge.clients":                              "at least one trust profile, such as {name: dialogflow}",
	"edge.acme.domains":                         "the names that the certificate is for, from 1 to 20, each once",
	"edge.acme.directory":                       "the URL of the CA's directory, with https",
	"edge.acme.folder":                          "the folder that keeps the account's key and the certificates",
	"edge.proxies[].name":                       "a name of a-z, 0-9 and -, starting with a letter, such as envoy",
	"edge.proxies[].header":                     "GOOGLE, XFCC or CLIENT_CERT",
	"edge.proxy_protocol.peers":                 "at least one network, such as 10.0.0.0/8, each once",
	"edge.clients[].name":                       "a name of a-z, 0-9 and -, starting with a letter, such as shop-agent",
	"edge.clients[].like":                       "dialogflow, or no such key",
	"edge.clients[].agents[]":                   "an agent's resource name: projects/P/locations/L/agents/A",
	"edge.clients[].key_usages":                 "each once",
	"edge.clients[].key_usages[]":               "clientAuth or serverAuth",
	"edge.drain":                                "from 0s to 10m",
	"edge.drain_delay":                          "from 0s to 10m",
	"edge.limits.header_bytes":                  "at most 1048576",
	"edge.limits.body_bytes":                    "at most 67108864",
	"edge.limits.handshake_timeout":             "more than 0s; remove the key for the default",
	"edge.limits.header_timeout":                "more than 0s; remove the key for the default",
	"edge.limits.read_timeout":                  "more than 0s; remove the key for the default",
	"edge.limits.idle_timeout":                  "more than 0s; remove the key for the default",
	"edge.limits.handshakes":                    "at most 65536",
	"edge.limits.connections":                   "at most 1000000",
	"edge.limits.turns":                         "at most 1000000",
	"edge.limits.held_bytes":                    "at most 1099511627776, which is 1 TiB",
	"edge.limits.project_turns_per_second":      "at most 1000000",
	"services[].retries.tries":                  "from 1 to 5",
	"services[].retries.try_timeout":            "more than 0s; remove the key for the default",
	"services[].concurrency.min":                "at most 1000000",
	"services[].concurrency.max":                "at most 1000000",
	"services[].concurrency.queue":              "at most 1000000",
	"services[].intents.methods[].continue_for": "from 1s to 2m",
	"routes[].continue_for":                     "from 1s to 2m",
	"webhooks":                                  "at least one: path, platform, profiles",
	"webhooks[].path":                           "a path of a-z, A-Z, 0-9, . _ ~ - and /, such as /dialogflow/es",
	"webhooks[].platform":                       "ES or CX",
	"webhooks[].profiles":                       "trust profiles out of edge.clients, at least one, each once",
	"webhooks[].api":                            "V2 or V2BETA1 on ES, V3 on CX",
	"webhooks[].timeout":                        "from 100ms to 30s",
	"webhooks[].reserve":                        "0s or more",
	"webhooks[].projects[].id":                  "the project's ID, such as my-project",
	"webhooks[].projects[].number":              "the project's number, such as 415104041262",
	"webhooks[].id_token.audiences[]":           "the webhook's URL with https://",
	"webhooks[].id_token.audiences":             "each once",
	"webhooks[].id_token.mode":                  "off, or no such key",
	"webhooks[].id_token.skew":                  "from 0s to 10m",
	"webhooks[].id_token.max_age":               "more than 0s, at most 24h",
	"services":                                  "at least one: name, target, tls",
	"services[].name":                           "a name of a-z, 0-9 and -, starting with a letter, such as orders",
	"services[].target":                         "a gRPC name such as dns:///orders.internal:8443",
	"services[].tls":                            "the mutual TLS with the service: ca, cert, key; or spiffe",
	"services[].tls.ca":                         "the PEM file of the CAs that the service's certificate chains to",
	"services[].tls.spiffe.server_id":           "the service's SPIFFE ID, such as spiffe://shop.internal/orders",
	"services[].tls.cert":                       "the PEM file of the gateway's client certificate",
	"services[].tls.key":                        "the PEM file of its private key",
	"routes[].match.platform":                   "ES or CX, or no such key",
	"routes[].service":                          "the name of one of the services",
	"status.listen":                             `a TCP address such as ":9900"`,
	"services[].affinity":                       "SESSION, or no such key",
	"status.certificate.cert":                   "the PEM file of the certificate with its chain",
	"status.certificate.key":                    "the PEM file of the private key",
	"admin.listen":                              "a loopback address such as 127.0.0.1:9901",

	"caller_tokens.issuer":       "who signs, such as https://gateway.internal",
	"caller_tokens.trust_domain": "whom tokens are for, such as shop.internal",
	"caller_tokens.keys":         "at most 8, each once",
	"caller_tokens.reuse":        "more than 0s, at most 1h",
	"caller_tokens.per_turn":     "SIDE_EFFECTS, ALWAYS or NEVER",

	"telemetry.log.user_data":                    "each once",
	"telemetry.log.user_data[]":                  "utterances, parameters, status_texts or violations",
	"telemetry.log.session_key.env":              "the name of an environment variable, such as SESSION_KEY",
	"telemetry.traces.otlp":                      "where spans are sent to, such as {endpoint: \"collector.internal:4317\", tls: {}}",
	"telemetry.traces.otlp.endpoint":             "a host and port such as collector.internal:4317",
	"telemetry.traces.otlp.headers":              "at most 16",
	"telemetry.traces.otlp.headers[]":            "a name of a-z, 0-9 and -, such as x-api-key",
	"telemetry.traces.otlp.headers[].env":        "the name of an environment variable, such as OTLP_KEY",
	"telemetry.traces.otlp.tls.certificate.cert": "the PEM file of the gateway's client certificate",
	"telemetry.traces.otlp.tls.certificate.key":  "the PEM file of its private key",
	"telemetry.traces.sample":                    "from 0 to 1",
	"telemetry.traces.slow":                      "more than 0s; remove the key for the default",

	"fallback.causes[]":    "a cause: timeout, unavailable, overloaded, refused, invalid or internal",
	"fallbacks[].match":    "which turns, such as {intent: \"order.*\"}",
	"fallbacks[].fallback": "what is answered to them, such as {text: {en: \"Please try again later.\"}}",

	"services[].intents.reprompts[].field":          "the full name of a field, such as shop.orders.v1.TrackOrderRequest.order_id",
	"services[].intents.reprompts[].text":           "a text by language, such as {en: \"Which order?\"}",
	"services[].intents.reflection.refresh":         "from 1s to 24h",
	"services[].intents.methods[].method":           "a method, such as shop.orders.v1.OrderService/TrackOrder",
	"services[].intents.methods[].fields[].field":   "a field of the request or the response, such as request.order_id",
	"services[].intents.methods[].fields[].options": "what an annotation would say, such as {parameter: [order-id]}",

	"webhooks[].credentials[].name":                  "a name of a-z, 0-9 and -, starting with a letter, such as es-agent",
	"webhooks[].credentials[].projects":              "IDs out of the webhook's projects, at least one, each once",
	"webhooks[].credentials[].agents":                "each once",
	"webhooks[].credentials[].agents[]":              "an agent's resource name: projects/P/locations/L/agents/A",
	"webhooks[].credentials[].basic.username":        "a user name without a colon",
	"webhooks[].credentials[].basic.passwords":       "one place, such as {file: password.txt}, or two while it is being changed",
	"webhooks[].credentials[].basic.passwords[].env": "the name of an environment variable, such as ES_PASSWORD",
	"webhooks[].credentials[].header.name":           "a header's name, such as x-webhook-key",
	"webhooks[].credentials[].header.values":         "one place, such as {file: key.txt}, or two while it is being changed",
	"webhooks[].credentials[].header.values[].env":   "the name of an environment variable, such as WEBHOOK_KEY",
}

// Wanted returns what is wanted of a key, in words, by its path without indices: `webhooks[].api`; "" where the schema says it.
func Wanted(path string) string { return wants[path] }

// index is one of a list or of a map in a path.
var index = regexp.MustCompile(`\[(\d+|"(?:[^"\\]|\\.)*")\]`)

// rules adds what violates the schema's own rules. The error is one of the schema, not of the file.
func (r *report) rules(message proto.Message) error {
	err := protovalidate.Validate(message)
	var invalid *protovalidate.ValidationError
	if err != nil && !errors.As(err, &invalid) {
		return fmt.Errorf("apply the rules of the schema: %w", err)
	}
	if invalid == nil {
		return nil
	}
	for _, violation := range invalid.Violations {
		path := protovalidate.FieldPathString(violation.Proto.GetField())
		schema := index.ReplaceAllString(path, "[]")
		if i := strings.LastIndex(schema, ".fallback."); i >= 0 {
			schema = schema[i+1:] // the same everywhere
		}
		wanted, ok := r.schema.Wants[schema]
		if !ok {
			wanted = violation.Proto.GetMessage()
		}
		switch {
		case violation.Proto.GetForKey() && r.has(path):
			key := r.places[path].key
			r.broken[path] = true // what it holds is for nothing
			r.at(key, "%s: %s; want %s", path, quote(key.Value), wanted)
		case !r.has(path):
			r.field(path, "missing; want %s", wanted)
		case violation.Proto.GetRuleId() == "repeated.unique":
			r.field(path, "one of them twice; want %s", wanted)
		default:
			r.field(path, "%s; want %s", saw(r.locate(path)), wanted)
		}
	}
	return nil
}
