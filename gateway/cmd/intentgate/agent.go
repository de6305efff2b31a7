package main

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// agentOptions say which agent calls which webhook, and how. The zero value of each leaves it to the webhook or to the default.
type agentOptions struct {
	url, dev, cert, key, ca, tls                string
	issuer, tokenFile, audience, project        string
	number                                      uint64
	basicUser, passwordFile                     string
	headerFiles                                 []string
	platform, name, language, session, timeZone string
	timeout                                     time.Duration
	beta, noRetry, retryNewID, plain            bool
}

// register makes flags of them.
func (o *agentOptions) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&o.dev, "dev", "", "a folder that the command certs wrote, for --cert, --key, --ca and --issuer")
	flags.StringVar(&o.cert, "cert", "", "PEM file of the client certificate and its intermediates (default: none is presented)")
	flags.StringVar(&o.key, "key", "", "PEM file of its private key")
	flags.StringVar(&o.ca, "ca", "", "PEM file of the CAs that the server is trusted by (default: the system's)")
	flags.StringVar(&o.issuer, "issuer", "", "PEM file of the key that makes ID tokens (default: none is sent)")
	flags.StringVar(&o.tokenFile, "token-file", "", "a file with a token to send instead")
	flags.StringVar(&o.audience, "audience", "", "the ID token's audience (default: the URL)")
	flags.StringVar(&o.project, "project", "", "the agent's project, by ID (default: shop, or what --config says)")
	flags.Uint64Var(&o.number, "project-number", 0, "the project's number, in the ID token (default: 415104041262, or what --config says)")
	flags.StringVar(&o.basicUser, "basic-user", "", "user name of Basic authentication, in place of an ID token")
	flags.StringVar(&o.passwordFile, "password-file", "", "a file with its password")
	flags.StringArrayVar(&o.headerFiles, "header-file", nil, "a header, with a file of its value, as `name=FILE`; may be repeated")
	flags.StringVar(&o.platform, "platform", "", "edition of the agent: ES or CX (default: ES, or what --config says)")
	flags.BoolVar(&o.beta, "beta", false, "the ES agent speaks v2beta1")
	flags.DurationVar(&o.timeout, "timeout", 0, "time for one try, up to 30s (default: 5s, or what --config says)")
	flags.StringVar(&o.tls, "tls", "", "the only version of TLS to offer: 1.2 or 1.3 (default: both)")
	complete(command, "platform", conversation.ES, conversation.CX)
	complete(command, "tls", "1.2", "1.3")
	command.MarkFlagsRequiredTogether("cert", "key")
	command.MarkFlagsRequiredTogether("basic-user", "password-file")
	command.MarkFlagsMutuallyExclusive("issuer", "token-file", "basic-user")
	must(command.MarkFlagDirname("dev"))
}

// follow takes what a webhook of a configuration says where nothing else is said.
func (o *agentOptions) follow(webhook *gatewayv1.Webhook) {
	o.platform, o.beta = webhook.GetPlatform(), o.beta || config.API(webhook.GetApi()) == dialogflow.V2Beta1
	o.timeZone = webhook.GetTimeZone()
	o.timeout = cmp.Or(o.timeout, webhook.GetTimeout().AsDuration())
	if audiences := webhook.GetIdToken().GetAudiences(); len(audiences) > 0 {
		o.audience = cmp.Or(o.audience, audiences[0])
	}
	if projects := webhook.GetProjects(); len(projects) > 0 {
		o.project, o.number = cmp.Or(o.project, projects[0].GetId()), cmp.Or(o.number, projects[0].GetNumber())
	}
}

// settle fills in the defaults, among them the files of a development PKI.
func (o *agentOptions) settle() error {
	if at, err := url.Parse(o.url); err != nil || at.Scheme != "https" || at.Host == "" {
		return fmt.Errorf("the URL %q: https://host:port/path is wanted, or --config; Dialogflow calls nothing else", o.url)
	}
	o.platform = cmp.Or(o.platform, conversation.ES)
	if o.platform != conversation.ES && o.platform != conversation.CX {
		return fmt.Errorf("--platform %q: ES or CX is wanted", o.platform)
	}
	o.project, o.number = cmp.Or(o.project, "shop"), cmp.Or(o.number, 415104041262)
	if o.dev == "" {
		return nil
	}
	if o.cert == "" {
		o.cert, o.key = filepath.Join(o.dev, pki.SSLComCert), filepath.Join(o.dev, pki.SSLComKey)
	}
	o.ca = cmp.Or(o.ca, filepath.Join(o.dev, pki.EdgeCA))
	if o.tokenFile == "" && o.basicUser == "" {
		o.issuer = cmp.Or(o.issuer, filepath.Join(o.dev, pki.IssuerKey))
	}
	return nil
}

// agent is whose conversations are played.
func (o *agentOptions) agent() simulator.Agent {
	agent := simulator.Agent{API: dialogflow.V2, Name: "projects/" + o.project + "/agent", Language: o.language, Undocumented: !o.plain}
	switch {
	case o.platform == conversation.CX:
		agent.API, agent.Name = dialogflow.V3, cmp.Or(o.name, "projects/"+o.project+"/locations/global/agents/simulated")
	case o.beta:
		agent.API = dialogflow.V2Beta1
	}
	agent.Session = o.session
	if name, id, ok := strings.Cut(o.session, "/sessions/"); ok {
		agent.Name, agent.Session = name, id
	}
	return agent
}

// client is Dialogflow as far as the network sees it.
func (o *agentOptions) client() (*simulator.Client, error) {
	c := simulator.Config{URL: o.url, Timeout: o.timeout, NoRetry: o.noRetry, RetryNewID: o.retryNewID, Header: http.Header{}}
	var err error
	if c.TLS, err = o.clientTLS(); err != nil {
		return nil, err
	}
	for _, pair := range o.headerFiles {
		name, file, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("--header-file %q: name=FILE is wanted", pair)
		}
		value, err := readSecret(file)
		if err != nil {
			return nil, err
		}
		c.Header.Set(name, value)
	}
	switch {
	case o.basicUser != "":
		password, err := readSecret(o.passwordFile)
		if err != nil {
			return nil, err
		}
		c.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(o.basicUser+":"+password)))
	case o.tokenFile != "":
		c.Token = func() (string, error) { return readSecret(o.tokenFile) }
	case o.issuer != "" && c.Header.Get("Authorization") == "": // Dialogflow sends one of them
		tokens, err := issuer.Open(o.issuer, time.Now)
		if err != nil {
			return nil, err
		}
		c.Token = func() (string, error) { return tokens.Token(cmp.Or(o.audience, o.url), o.number) }
	}
	return simulator.New(c)
}

func (o *agentOptions) clientTLS() (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	switch o.tls {
	case "":
	case "1.2":
		c.MaxVersion = tls.VersionTLS12
	case "1.3":
		c.MinVersion = tls.VersionTLS13
	default:
		return nil, fmt.Errorf("--tls %q: 1.2 or 1.3 is wanted", o.tls)
	}
	if o.cert != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return nil, fmt.Errorf("client certificate %s with key %s: %w", o.cert, o.key, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if o.ca != "" {
		roots, err := mtls.ReadRoots(o.ca)
		if err != nil {
			return nil, err
		}
		c.RootCAs = mtls.Pool(roots)
	}
	return c, nil
}

// readSecret reads a file whose line end is no part of it.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the user names the file
	return strings.TrimRight(string(text), "\r\n"), err
}
