package main

import (
	"cmp"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/dialogflow"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// simulateOptions are the flags of simulate, and what follows from them.
type simulateOptions struct {
	config, dev, descriptors, zone                  string
	url, cert, key, ca, tls                         string
	issuer, tokenFile, audience, project            string
	number                                          uint64
	basicUser, passwordFile                         string
	headerFiles                                     []string
	platform, language, session                     string
	utterance                                       simulator.Utterance
	parameters                                      []string
	timeout                                         time.Duration
	beta, noRetry, retryNewID, plain, verbose, json bool
	repeat                                          int
}

// complete fills in what is left out, and returns what is to be said.
func (o *simulateOptions) complete(command *cobra.Command, args []string) ([]turn, error) {
	if len(args) > 0 && strings.Contains(args[0], "://") {
		o.url, args = args[0], args[1:]
	}
	if len(args) > 1 {
		return nil, fmt.Errorf("%q is no URL: `simulate [URL] [FILE|-]` is wanted", args[0])
	}
	if o.repeat < 1 {
		return nil, fmt.Errorf("--repeat %d: 1 or more is wanted", o.repeat)
	}
	if err := o.fromConfig(command); err != nil {
		return nil, err
	}
	at, err := url.Parse(o.url)
	if err != nil || at.Scheme != "https" || at.Host == "" {
		return nil, fmt.Errorf("the URL %q: https://host:port/path is wanted, or --config; Dialogflow calls nothing else", o.url)
	}
	o.platform = cmp.Or(o.platform, "ES")
	if o.platform != "ES" && o.platform != "CX" {
		return nil, fmt.Errorf("--platform %q: ES or CX is wanted", o.platform)
	}
	o.fromDev()
	return o.turns(command, args)
}

// fromDev takes the files of a development PKI where no others are named.
func (o *simulateOptions) fromDev() {
	if o.dev == "" {
		return
	}
	if o.cert == "" {
		o.cert, o.key = filepath.Join(o.dev, pki.SSLComCert), filepath.Join(o.dev, pki.SSLComKey)
	}
	o.ca = cmp.Or(o.ca, filepath.Join(o.dev, pki.EdgeCA))
	if o.tokenFile == "" && o.basicUser == "" {
		o.issuer = cmp.Or(o.issuer, filepath.Join(o.dev, pki.IssuerKey))
	}
}

// fromConfig takes what a webhook of a configuration says where no flag does.
func (o *simulateOptions) fromConfig(command *cobra.Command) error {
	if o.config == "" {
		return nil
	}
	settings, err := config.Load(o.config, time.Now())
	if err != nil {
		return err
	}
	webhook, err := o.webhook(settings.GetWebhooks())
	if err != nil {
		return err
	}
	if o.url == "" {
		host, port, err := net.SplitHostPort(settings.GetEdge().GetListen())
		if err != nil {
			return err
		}
		if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
			host = "localhost"
		}
		o.url = "https://" + net.JoinHostPort(host, port) + webhook.GetPath()
	}
	o.platform, o.beta = webhook.GetPlatform(), o.beta || config.API(webhook.GetApi()) == dialogflow.V2Beta1
	o.zone = webhook.GetTimeZone()
	o.timeout = cmp.Or(o.timeout, webhook.GetTimeout().AsDuration())
	if audiences := webhook.GetIdToken().GetAudiences(); o.audience == "" && len(audiences) > 0 {
		o.audience = audiences[0]
	}
	if projects := webhook.GetProjects(); len(projects) > 0 {
		if !command.Flags().Changed("project") {
			o.project = projects[0].GetId()
		}
		if !command.Flags().Changed("project-number") {
			o.number = projects[0].GetNumber()
		}
	}
	return nil
}

// webhook is the one of the URL or, without a URL, the first one of the edition.
func (o *simulateOptions) webhook(webhooks []*gatewayv1.Webhook) (*gatewayv1.Webhook, error) {
	var paths []string
	at, err := url.Parse(o.url)
	if err != nil {
		return nil, err
	}
	for _, webhook := range webhooks {
		fits := o.platform == "" || o.platform == webhook.GetPlatform()
		if fits && (o.url == "" || at.Path == webhook.GetPath()) {
			return webhook, nil
		}
		paths = append(paths, webhook.GetPlatform()+" "+webhook.GetPath())
	}
	return nil, fmt.Errorf("%s: no webhook for %s; there are %s", o.config, strings.TrimSpace(o.platform+" "+o.url), strings.Join(paths, ", "))
}

// agent is whose conversations are played.
func (o *simulateOptions) agent() simulator.Agent {
	agent := simulator.Agent{API: dialogflow.V2, Name: "projects/" + o.project + "/agent", Language: o.language, Undocumented: !o.plain}
	switch {
	case o.platform == "CX":
		agent.API, agent.Name = dialogflow.V3, "projects/"+o.project+"/locations/global/agents/simulated"
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
func (o *simulateOptions) client(now func() time.Time) (*simulator.Client, error) {
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
		tokens, err := issuer.Open(o.issuer, now)
		if err != nil {
			return nil, err
		}
		c.Token = func() (string, error) { return tokens.Token(cmp.Or(o.audience, o.url), o.number) }
	}
	return simulator.New(c)
}

func (o *simulateOptions) clientTLS() (*tls.Config, error) {
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

// turns are those of the file, or the one that the flags make.
func (o *simulateOptions) turns(command *cobra.Command, args []string) ([]turn, error) {
	flags := command.Flags()
	said := false
	for _, name := range []string{"text", "event", "intent", "action", "tag", "param"} {
		said = said || flags.Changed(name)
	}
	switch {
	case said && len(args) > 0:
		return nil, fmt.Errorf("what is said comes from %s or from flags, not from both", args[0])
	case len(args) == 0 && !said:
		return nil, errors.New("nothing to say: a file is wanted, - for standard input, or flags such as --intent or --tag")
	case len(args) == 1 && args[0] == "-":
		return readTurns("standard input", command.InOrStdin())
	case len(args) == 1:
		file, err := os.Open(args[0])
		if err != nil {
			return nil, err
		}
		turns, err := readTurns(args[0], file)
		return turns, errors.Join(err, file.Close())
	}
	texts := map[string]string{}
	for _, pair := range o.parameters {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("--param %q: name=value is wanted", pair)
		}
		texts[name] = value
	}
	var err error
	o.utterance.Parameters, err = o.values(command.Context(), texts)
	return []turn{{utterance: o.utterance}}, err
}

// readSecret reads a file whose line end is no part of it.
func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the user names the file
	return strings.TrimRight(string(text), "\r\n"), err
}
