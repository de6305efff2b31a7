package main

import (
	"crypto/x509"
	"errors"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/authn"
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
		RetriesRepeatID: webhook.GetRetriesRepeatId(),
	}
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
