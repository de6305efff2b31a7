package pki

import (
	"bytes"
	_ "embed"
	"fmt"
	"text/template"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// The files of the folder, all PEM but the last two. Those that must be refused are in a folder below.
const (
	EdgeCA         = "edge-ca.pem"
	EdgeCert       = "edge.pem"
	EdgeKey        = "edge.key"
	InternalCA     = "internal-ca.pem"
	GatewayCert    = "gateway.pem"
	GatewayKey     = "gateway.key"
	OrdersCert     = "orders.pem"
	OrdersKey      = "orders.key"
	CallCenterCert = "callcenter.pem"
	CallCenterKey  = "callcenter.key"
	SSLComRoot     = "ssl-com-root.pem"
	SSLComCert     = "dialogflow-ssl-com.pem"
	SSLComKey      = "dialogflow-ssl-com.key"
	GTSRoot        = "gts-root.pem"
	GTSCert        = "dialogflow-gts.pem"
	GTSKey         = "dialogflow-gts.key"
	IssuerKey      = "id-token-issuer.key"
	RefusedDir     = "refused"
	JWKS           = "jwks.json"
	Readme         = "README.txt"
)

// Manifest is what was written, and where.
type Manifest struct {
	Dir   string `json:"dir"`
	Files []File `json:"files"`
}

// File is a file of the folder.
type File struct {
	Path    string `json:"path"` // below the folder, with slashes
	Purpose string `json:"purpose"`
	// Secret says that it is a private key, readable by its owner alone.
	Secret bool `json:"secret,omitempty"`
	// Reason is the code that a client with this certificate is refused with; empty: it is accepted, or no client's.
	Reason authn.Reason `json:"reason,omitempty"`

	data []byte
}

// files lists the folder, README last: it tells of all others.
func (p *PKI) files() ([]File, error) {
	var files []File
	authority := func(path string, a *devca.Authority, purpose string) {
		files = append(files, File{Path: path, Purpose: purpose, data: a.CertPEM()})
	}
	pair := func(cert, key string, c *devca.Certificate, reason authn.Reason, purpose string) {
		files = append(files,
			File{Path: cert, Purpose: purpose, Reason: reason, data: c.CertPEM()},
			File{Path: key, Purpose: "key of " + cert, Secret: true, data: c.KeyPEM()})
	}
	authority(EdgeCA, p.EdgeCA, "what a client trusts: the issuer of the edge's certificate")
	pair(EdgeCert, EdgeKey, p.Edge, "", "the edge's server certificate, for edge.certificate")
	authority(InternalCA, p.InternalCA, "what the gateway and the services trust of each other, for services[].tls.ca")
	pair(GatewayCert, GatewayKey, p.Gateway, "", "the gateway's client certificate, dns:"+GatewayName+", for services[].tls")
	for _, name := range Services() {
		pair(name+".pem", name+".key", p.Services[name], "", "the "+name+" service's certificate, dns:"+name+".internal and dns:localhost")
	}
	pair(CallCenterCert, CallCenterKey, p.CallCenter, "", "a program that calls services for itself, dns:"+CallCenterName+", for --allow")
	authority(SSLComRoot, p.SSLComRoot, "root of the SSL.com-like chain, for edge.clients[].roots.ssl_com")
	pair(SSLComCert, SSLComKey, p.SSLCom, "", "be Dialogflow: CN=Google LLC by the SSL.com-like chain")
	authority(GTSRoot, p.GTSRoot, "root of the GTS-like chain, for edge.clients[].roots.gts")
	pair(GTSCert, GTSKey, p.GTS, "", "be Dialogflow as it was before: *.dialogflow.com by the GTS-like chain")
	issuerKey, err := p.Issuer.KeyPEM()
	if err != nil {
		return nil, err
	}
	files = append(files,
		File{Path: IssuerKey, Purpose: "be Google: signs ID tokens, for `intentgate simulate`", Secret: true, data: issuerKey},
		File{Path: JWKS, Purpose: "what verifies them, for id_token_keys.file", data: p.Issuer.JWKS()})
	for _, c := range p.Refused.Cases() {
		path := RefusedDir + "/" + c.Name
		pair(path+".pem", path+".key", c.Certificate, c.Reason, c.Purpose)
	}
	readme, err := p.readme(files)
	if err != nil {
		return nil, err
	}
	return append(files, File{Path: Readme, Purpose: "what each file is for, and how to use it", data: readme}), nil
}

//go:embed readme.tmpl
var readmeTemplate string

func (p *PKI) readme(files []File) ([]byte, error) {
	parsed, err := template.New(Readme).Parse(readmeTemplate)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Readme, err)
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, map[string]any{"Files": files, "Refused": p.Refused.Cases()})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", Readme, err)
	}
	return text.Bytes(), nil
}
