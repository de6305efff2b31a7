package config

import (
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

// profile checks that a trust profile is one of the three kinds: built in, like it, or of the user's own.
func (r *report) profile(at string, profile *gatewayv1.Profile) {
	refuse := func(why string, keys ...string) {
		for _, key := range keys {
			if r.has(at + "." + key) {
				r.field(at+"."+key, "%s; remove it", why)
			}
		}
	}
	const (
		fixed    = "the dates of dialogflow's chains are built in and can only be enforced"
		unpinned = "Google changes its intermediate CAs without notice, so that they are never pinned"
	)
	roots := profile.GetRoots()
	switch {
	case profile.GetName() == builtIn:
		refuse("the profile dialogflow is built in and has no rules here, another needs another name",
			"like", "roots", "subject", "agents", "key_usages")
		refuse(unpinned, "issuer")
		refuse(fixed, "dates.from", "dates.until")
	case profile.GetLike() != "":
		refuse("the rules of a profile like dialogflow are dialogflow's", "subject", "key_usages")
		refuse(unpinned, "issuer")
		refuse("a certificate like dialogflow's names no agent", "agents")
		refuse("a profile like dialogflow has roots for each chain, ssl_com and gts", "roots.file", "roots.folder")
		refuse(fixed, "dates.from", "dates.until")
		if roots.GetSslCom() == "" && roots.GetGts() == "" {
			r.field(at+".roots", "no roots; want roots.ssl_com, roots.gts or both")
		} else if roots.GetGts() == "" {
			refuse("only the chain gts has dates, and there are no roots for it", "dates")
		}
	default:
		refuse("only a profile like dialogflow has roots for each chain", "roots.ssl_com", "roots.gts")
		r.ownProfile(at, profile)
	}
}

// ownProfile checks the rules of a profile of the user's own.
func (r *report) ownProfile(at string, profile *gatewayv1.Profile) {
	roots, subject, issuer, dates := profile.GetRoots(), profile.GetSubject(), profile.GetIssuer(), profile.GetDates()
	switch {
	case roots.GetFile() != "" && roots.GetFolder() != "":
		r.field(at+".roots.folder", "there is a file already; remove one of the two")
	case roots.GetFile() == "" && roots.GetFolder() == "":
		r.field(at+".roots.file", "missing; want a PEM file of the CAs that are trusted, or a folder of such files")
	}
	if subject.GetCommonName() == "" && subject.GetOrganization() == "" && len(subject.GetDns())+len(subject.GetUri()) == 0 {
		r.field(at+".subject", "missing, so that any certificate of these CAs would do; want a name that the certificate must carry")
	}
	if issuer != nil && issuer.GetCommonName() == "" && issuer.GetOrganization() == "" {
		r.field(at+".issuer", "nothing in it; want common_name, organization or both, or no such key")
	}
	if dates == nil {
		return
	}
	from, until := dates.GetFrom(), dates.GetUntil()
	switch {
	case !r.has(at+".dates.from") && !r.has(at+".dates.until"):
		r.field(at+".dates", "no date in it; want from, until or both")
	case from != nil && until != nil && !from.AsTime().Before(until.AsTime()):
		r.field(at+".dates.until", "it ends before it begins; want a time after from")
	}
}
