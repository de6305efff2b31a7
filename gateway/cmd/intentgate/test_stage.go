package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/config"
	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/pki"
	"github.com/intentgate/intentgate/gateway/simulator"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// theatre is where conversations are played.
type theatre struct {
	// play plays one; it may be called by several goroutines at a time.
	play  func(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result
	close func() error
}

// open opens the theatre that the flags name.
func (o *testOptions) open(command *cobra.Command) (theatre, error) {
	if o.url != "" {
		return o.outside(command)
	}
	logger := slog.New(slog.DiscardHandler)
	if o.verbose {
		logger = slog.New(slog.NewTextHandler(command.ErrOrStderr(), nil))
	}
	keys, err := pki.New(pki.Options{RSABits: 2048}) // for a moment
	if err != nil {
		return theatre{}, err
	}
	if !o.demo {
		one, err := startEmbedded(command.Context(), keys, logger, func(ctx context.Context, e *embedded) error {
			return e.configured(ctx, o.config, command.ErrOrStderr())
		})
		if err != nil {
			return theatre{}, err
		}
		return theatre{play: one.play, close: one.close}, nil
	}
	return theatre{close: func() error { return nil }, play: func(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result {
		one, err := startEmbedded(ctx, keys, logger, demoStage)
		if err != nil {
			return c.Failed(platform, err)
		}
		result := one.play(ctx, c, platform)
		if err := one.close(); err != nil {
			return c.Failed(platform, err)
		}
		return result
	}}, nil
}

// outside plays against a gateway that runs.
func (o *testOptions) outside(command *cobra.Command) (theatre, error) {
	if at, err := url.Parse(o.url); err != nil || at.Scheme != "https" || at.Host == "" {
		return theatre{}, fmt.Errorf("--url %q: https://host:port/path is wanted", o.url)
	}
	if o.platform == "" {
		o.platform = conversation.ES
	}
	o.fromDev()
	client, err := o.client(time.Now)
	if err != nil {
		return theatre{}, err
	}
	command.PrintErrln("The calls of services cannot be seen from outside of a gateway: what is expected of them is left out.")
	closed := func() error {
		client.Close()
		return nil
	}
	return theatre{close: closed, play: func(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result {
		if platform != o.platform {
			return c.Skipped(platform, "the --url is a webhook for "+o.platform+", as --platform says")
		}
		return c.Play(ctx, conversation.Stage{Platform: platform, Client: client, Agent: o.agent()})
	}}, nil
}

// play plays a conversation on a gateway that is run for it.
func (e *embedded) play(ctx context.Context, c *conversation.Conversation, platform string) *conversation.Result {
	var webhook *gatewayv1.Webhook
	for _, one := range e.assembly.settings.GetWebhooks() {
		if one.GetPlatform() == platform && (c.Webhook == "" || c.Webhook == one.GetPath()) {
			webhook = one
			break
		}
	}
	if webhook == nil {
		return c.Skipped(platform, "the gateway has no such webhook for "+platform)
	}
	zone, err := time.LoadLocation(webhook.GetTimeZone())
	if err != nil {
		return c.Failed(platform, err)
	}
	project := &gatewayv1.Project{Id: "shop", Number: shopNumber} // where any will do
	if projects := webhook.GetProjects(); len(projects) > 0 {
		project = projects[0]
	}
	settings := simulator.Config{
		URL: e.assembly.addresses.Edge + webhook.GetPath(), Timeout: webhook.GetTimeout().AsDuration(),
		TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: e.keys.EdgeCA.Pool(), Certificates: []tls.Certificate{e.keys.SSLCom.TLS()}},
	}
	if audiences := webhook.GetIdToken().GetAudiences(); len(audiences) > 0 {
		settings.Token = func() (string, error) { return e.keys.Issuer.Token(audiences[0], project.GetNumber()) }
	}
	client, err := simulator.New(settings)
	if err != nil {
		return c.Failed(platform, err)
	}
	defer client.Close()
	agent := simulator.Agent{
		API: config.API(webhook.GetApi()), Name: "projects/" + project.GetId() + "/agent", Undocumented: true,
		Express: e.express(entity{cx: platform == conversation.CX, zone: zone}),
	}
	if platform == conversation.CX {
		agent.Name = "projects/" + project.GetId() + "/locations/global/agents/test"
		if e.agent != "" {
			agent.Name = e.agent
		}
	}
	return c.Play(ctx, conversation.Stage{Platform: platform, Client: client, Agent: agent, Calls: e.take})
}
