package process

import (
	"context"
	"crypto/x509"
	"errors"

	"github.com/intentgate/intentgate/gateway/acme"
	"github.com/intentgate/intentgate/gateway/expiry"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
	"github.com/intentgate/intentgate/services/mtls"
)

// acmeName is what operators know the edge's certificate by, among what is read anew, where a CA issues it.
const acmeName = "edge.acme"

var errNotIssued = errors.New("the CA has issued no certificate yet")

// issuer takes up the certificate that a CA has issued, if it does. It outlives configurations, so that none of them orders anew.
func (p *Process) issuer(settings *gatewayv1.Acme) (err error) {
	if settings == nil {
		return nil
	}
	p.acme, err = acme.Open(acme.Config{
		Domains: settings.GetDomains(), Directory: settings.GetDirectory(), Folder: settings.GetFolder(), Email: settings.GetEmail(),
		Logger: p.logger, Now: p.now,
		Roots: func() *x509.CertPool {
			if roots := p.current.Load().acmeRoots; roots != nil {
				return roots.Pool()
			}
			return nil
		},
		Observe: func(_ context.Context, changed bool, err error) {
			p.telemetry.FilesRead(acmeName, changed, err)
			p.issued.Read(acmeName, err, p.now())
		},
	})
	if err != nil {
		return err
	}
	if p.waiting() != "" {
		p.issued.Read(acmeName, errNotIssued, p.now())
	}
	p.beside = append(p.beside, p.acme.Run)
	return nil
}

// waiting says why no handshake can succeed; empty: nothing stands in the way.
func (p *Process) waiting() string {
	if p.acme != nil && p.acme.Certificate() == nil {
		return acmeName + ": " + errNotIssued.Error()
	}
	return ""
}

// edgeCertificate sets what the edge shows: the certificate out of files, or as a CA issues it; none where a proxy ends TLS.
func (g *generation) edgeCertificate() error {
	settings := g.settings.GetEdge()
	if pair := settings.GetCertificate(); pair != nil {
		certificate, err := g.listenerCertificate(expiry.Edge, pair)
		if err != nil {
			return err
		}
		g.site.Certificate = certificate.Certificate
	}
	if g.acme == nil {
		return nil
	}
	if ca := settings.GetAcme().GetCa(); ca != "" {
		roots, err := mtls.OpenRoots(ca, g.watched(acmeName+".ca"))
		if err != nil {
			return err
		}
		g.runWatcher(roots.Watch)
		g.acmeRoots = roots
	}
	g.own = append(g.own, ownCertificate{expiry.Edge, expiry.Edge, g.acme.Certificate})
	g.site.Certificate, g.site.Challenge = g.acme.Certificate, g.acme.Challenge
	return nil
}
