package pki

import (
	"fmt"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/intentgate/intentgate/gateway/simulator/issuer"
	"github.com/intentgate/intentgate/services/mtls/devca"
)

// Names that the certificates of the inner hop carry.
const (
	GatewayName    = "gateway.internal"
	OrdersName     = "orders.internal"
	CallCenterName = "callcenter.internal"
)

// Services are the example services. Each has a certificate for <name>.internal and localhost in <name>.pem, its key in
// <name>.key.
func Services() []string { return []string{"orders", "appointments", "stores", "loyalty", "payments"} }

// Options say how certificates are made. The zero Options are good.
type Options struct {
	// Hosts are names and addresses that the edge is reached by, beside localhost, 127.0.0.1 and ::1.
	Hosts []string
	// RSABits is the key's size of the SSL.com-like root; 0 is 4096 as in the original, which takes a second or more to
	// make. The keys below it have at most 2048.
	RSABits int
	// Now is the clock that validity is counted from; nil is time.Now.
	Now func() time.Time
}

// PKI holds the authorities, and the certificates and tokens that they issue, with their keys. It must not be changed.
type PKI struct {
	// EdgeCA is what Dialogflow, or curl, trusts; Edge is the gateway's server certificate.
	EdgeCA *devca.Authority
	Edge   *devca.Certificate

	// InternalCA is what the gateway and the services trust of each other; Gateway and Services, by their names, are theirs, and
	// CallCenter is that of a program that calls services for itself.
	InternalCA          *devca.Authority
	Gateway, CallCenter *devca.Certificate
	Services            map[string]*devca.Certificate

	// SSLComRoot and GTSRoot are the roots of a trust profile `like: dialogflow`; SSLCom and GTS are the client
	// certificates in the shape of Dialogflow's new and old one.
	SSLComRoot, GTSRoot *devca.Authority
	SSLCom, GTS         *devca.Certificate

	// Issuer makes ID tokens as Google does; a gateway takes them by its JWKS.
	Issuer *issuer.Issuer

	// Refused are client certificates that such a profile must refuse.
	Refused Refused
}

// New makes all keys and certificates, in memory and as many at once as there are processors.
func New(o Options) (*PKI, error) {
	if o.RSABits == 0 {
		o.RSABits = 4096
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	names, addresses, err := hosts(o.Hosts)
	if err != nil {
		return nil, err
	}
	p := &PKI{}
	var group errgroup.Group
	group.Go(func() error { return p.makeEdge(o, names, addresses) })
	group.Go(func() error { return p.makeInternal(o) })
	group.Go(func() error { return p.makeGTS(o) })
	group.Go(func() error { return p.makeSSLCom(o) })
	group.Go(func() error { return p.Refused.makeUnknownCA(o) })
	group.Go(func() (err error) {
		p.Issuer, err = issuer.New(issuer.Options{Now: o.Now})
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("make the development PKI: %w", err)
	}
	return p, nil
}

// hosts sorts what the edge is called.
func hosts(more []string) (names []string, addresses []net.IP, err error) {
	for _, host := range append([]string{"localhost", "127.0.0.1", "::1"}, more...) {
		if ip := net.ParseIP(host); ip != nil {
			addresses = append(addresses, ip)
			continue
		}
		if host == "" || strings.ContainsAny(host, ":/ ") {
			return nil, nil, fmt.Errorf("host %q: want a DNS name or an IP address, without scheme and port", host)
		}
		names = append(names, host)
	}
	return names, addresses, nil
}
