package process

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/intentgate/intentgate/gateway"
	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/idtoken"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	"github.com/intentgate/intentgate/gateway/config"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

func webhookOf(webhook *gatewayv1.Webhook, credentials *secret.Set) gateway.Webhook {
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
		Token: tokenRules(webhook), Secrets: credentials, RetriesRepeatID: webhook.GetRetriesRepeatId(),
		ReopenParameters: webhook.GetReopenParameters(),
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

// KeySource says where the keys of ID tokens come from. The authorities of that place are nil unless the setting names some.
func KeySource(setting *gatewayv1.IdTokenKeys, files mtls.Options) (source idtoken.KeysConfig, roots *mtls.Roots, err error) {
	source = idtoken.KeysConfig{URL: setting.GetUrl(), File: setting.GetFile()}
	if source.URL == "" && source.File == "" {
		source.URL = idtoken.GoogleKeys
	}
	if setting.GetCa() != "" {
		if roots, err = mtls.OpenRoots(setting.GetCa(), files); err != nil {
			return source, nil, err
		}
		source.RootCAs = roots.Pool
	}
	return source, roots, nil
}

// Profiles returns trust profiles, with their roots read.
func Profiles(settings []*gatewayv1.Profile) ([]*authn.Profile, error) {
	var profiles []*authn.Profile
	var problems []error
	for _, setting := range settings {
		profile, err := trustProfile(setting)
		profiles, problems = append(profiles, profile), append(problems, err)
	}
	return profiles, errors.Join(problems...)
}

func trustProfile(setting *gatewayv1.Profile) (profile *authn.Profile, err error) {
	roots := setting.GetRoots()
	switch {
	case setting.GetName() == authn.DialogflowName:
		profile, err = authn.Dialogflow()
	case setting.GetLike() != "":
		sslCom, problem := readRoots(roots.GetSslCom())
		if problem != nil {
			return nil, problem
		}
		gts, problem := readRoots(roots.GetGts())
		if problem != nil {
			return nil, problem
		}
		profile, err = authn.Like(setting.GetName(), sslCom, gts)
	default:
		return ownProfile(setting)
	}
	if err != nil || !setting.GetDates().GetEnforce() {
		return profile, err
	}
	return profile.Enforcing(), nil
}

// ownProfile returns a profile of the user's own.
func ownProfile(setting *gatewayv1.Profile) (_ *authn.Profile, err error) {
	subject, issuer, dates := setting.GetSubject(), setting.GetIssuer(), setting.GetDates()
	chain := authn.Chain{
		Subject: authn.Subject{
			CommonName: subject.GetCommonName(), Organization: subject.GetOrganization(), DNS: subject.GetDns(), URI: subject.GetUri(),
		},
		Issuer: authn.Issuer{CommonName: issuer.GetCommonName(), Organization: issuer.GetOrganization()},
		Dates:  authn.Dates{From: moment(dates.GetFrom()), Until: moment(dates.GetUntil()), Enforce: dates.GetEnforce()},
	}
	for _, word := range setting.GetKeyUsages() {
		usage, known := keyUsages[word]
		if !known { // the zero value would be any usage
			return nil, fmt.Errorf("profile %s: unknown key usage %q", setting.GetName(), word)
		}
		chain.KeyUsages = append(chain.KeyUsages, usage)
	}
	if folder := setting.GetRoots().GetFolder(); folder != "" {
		chain.Roots, err = mtls.ReadRootsFolder(folder)
	} else {
		chain.Roots, err = readRoots(setting.GetRoots().GetFile())
	}
	if err != nil {
		return nil, err
	}
	return authn.Custom(setting.GetName(), chain, setting.GetAgents())
}

// keyUsages are the words of the configuration.
var keyUsages = map[string]x509.ExtKeyUsage{
	"clientAuth": x509.ExtKeyUsageClientAuth, "serverAuth": x509.ExtKeyUsageServerAuth,
}

// moment is zero where there is none.
func moment(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// readRoots reads a file that may be left out: a profile like dialogflow needs roots for one of its chains only.
func readRoots(path string) ([]*x509.Certificate, error) {
	if path == "" {
		return nil, nil
	}
	return mtls.ReadRoots(path)
}
