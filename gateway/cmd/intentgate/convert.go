package main

import (
	"crypto/x509"
	"errors"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/config"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

func webhookOf(webhook *gatewayv1.Webhook) gateway.Webhook {
	projects := make([]authn.Project, 0, len(webhook.GetProjects()))
	for _, project := range webhook.GetProjects() {
		projects = append(projects, authn.Project{ID: project.GetId(), Number: project.GetNumber()})
	}
	return gateway.Webhook{
		Webhook: authn.Webhook{
			Platform: config.Platform(webhook.GetPlatform()), Profiles: webhook.GetProfiles(), Projects: projects,
		},
		Path: webhook.GetPath(), API: config.API(webhook.GetApi()),
		Timeout: webhook.GetTimeout().AsDuration(), Reserve: webhook.GetReserve().AsDuration(),
		Token: tokenRules(webhook), RetriesRepeatID: webhook.GetRetriesRepeatId(),
	}
}

// tokenRules returns nil where no token is asked for.
func tokenRules(webhook *gatewayv1.Webhook) *idtoken.Rules {
	setting := webhook.GetIdToken()
	if setting.GetMode() == "off" {
		return nil
	}
	rules := &idtoken.Rules{
		Audiences: setting.GetAudiences(), Skew: setting.GetSkew().AsDuration(), MaxAge: setting.GetMaxAge().AsDuration(),
	}
	for _, project := range webhook.GetProjects() {
		rules.Numbers = append(rules.Numbers, project.GetNumber())
	}
	return rules
}

// keySource says where the keys of ID tokens come from.
func keySource(setting *gatewayv1.IdTokenKeys) (idtoken.KeysConfig, error) {
	source := idtoken.KeysConfig{URL: setting.GetUrl(), File: setting.GetFile()}
	if source.URL == "" && source.File == "" {
		source.URL = idtoken.GoogleKeys
	}
	if setting.GetCa() == "" {
		return source, nil
	}
	roots, err := mtls.ReadRoots(setting.GetCa())
	if err != nil {
		return source, err
	}
	source.RootCAs = x509.NewCertPool()
	for _, root := range roots {
		source.RootCAs.AddCert(root)
	}
	return source, nil
}

func trustProfiles(settings []*gatewayv1.Profile) ([]*authn.Profile, error) {
	var profiles []*authn.Profile
	var problems []error
	for _, setting := range settings {
		profile, err := trustProfile(setting)
		profiles, problems = append(profiles, profile), append(problems, err)
	}
	return profiles, errors.Join(problems...)
}

func trustProfile(setting *gatewayv1.Profile) (*authn.Profile, error) {
	roots, subject := setting.GetRoots(), setting.GetSubject()
	switch {
	case setting.GetName() == authn.DialogflowName:
		return authn.Dialogflow()
	case setting.GetLike() != "":
		sslCom, err := readRoots(roots.GetSslCom())
		if err != nil {
			return nil, err
		}
		gts, err := readRoots(roots.GetGts())
		if err != nil {
			return nil, err
		}
		return authn.Like(setting.GetName(), sslCom, gts)
	default:
		file, err := readRoots(roots.GetFile())
		if err != nil {
			return nil, err
		}
		return authn.Custom(setting.GetName(), file, authn.Subject{
			CommonName: subject.GetCommonName(), Organization: subject.GetOrganization(), DNS: subject.GetDns(), URI: subject.GetUri(),
		}, setting.GetAgents())
	}
}

// readRoots reads a file that may be left out: a profile like dialogflow needs roots for one of its chains only.
func readRoots(path string) ([]*x509.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	return mtls.ReadRoots(path)
}
