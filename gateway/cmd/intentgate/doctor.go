package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/doctor"
	"github.com/intentgate/intentgate/services/mtls"
)

// examination is what the doctor was asked to look at.
type examination struct {
	url, ca, cert, key, config string

	timeout time.Duration
	asJSON  bool
}

func newDoctorCommand() *cobra.Command {
	e := examination{}
	command := &cobra.Command{
		Use:   "doctor [URL]",
		Short: "Find out why a handshake fails",
		Long: `Find out why a handshake fails, and what will make it fail soon.

With a URL it plays Dialogflow's side: it connects to the server, any server, with TLS 1.2 and
with 1.3, without a certificate, as a stranger with Google's name and, with --cert, as a client
that should be let in. It judges whether Dialogflow would trust the server, and whether the
server trusts Dialogflow alone. What it sends is POST {} without any credentials or the
URL's query; it does so up to six times.

Without a URL, --cert judges a client's certificate as a gateway would: by the built-in
profile, or by those of --config.

With --config alone it examines the inner hop: from the gateway to each service.

Each finding has a verdict, a remedy where one is needed, and a code that stays the same. The
exit status is 0 if nothing failed; warnings do not count.`,
		Example: `  # as Dialogflow ES, which trusts public CAs only
  intentgate doctor https://fulfil.shop.example/dialogflow/es

  # as a CX webhook that lists a CA of yours
  intentgate doctor https://fulfil.shop.example/dialogflow/cx --ca shop-ca.pem

  # with a development PKI, whose Dialogflow has to be let in
  intentgate doctor https://localhost:8443/dialogflow/es --ca dev-certs/edge-ca.pem \
    --cert dev-certs/dialogflow-ssl-com.pem --key dev-certs/dialogflow-ssl-com.key

  # the certificate of a CX agent, by the profiles of a configuration
  intentgate doctor --cert agent.pem --key agent.key --config intentgate.yaml

  # the way from the gateway to its services
  intentgate doctor --config intentgate.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				e.url = args[0]
			}
			return e.run(command)
		},
	}
	flags := command.Flags()
	flags.StringVar(&e.ca, "ca", "", "PEM file of the CAs that the caller trusts, in place of the public ones")
	flags.StringVar(&e.cert, "cert", "", "PEM file of a client's certificate, followed by its intermediates")
	flags.StringVar(&e.key, "key", "", "PEM file of its key")
	configFlag(command, &e.config, "", "a configuration: its services are examined or, with --cert, its profiles judge")
	flags.DurationVar(&e.timeout, "timeout", 5*time.Second, "time for each connection")
	flags.BoolVar(&e.asJSON, "json", false, "print the report as JSON")
	must(command.MarkFlagFilename("ca", "pem", "crt"), command.MarkFlagFilename("cert", "pem", "crt"), command.MarkFlagFilename("key", "pem", "key"))
	return command
}

func (e *examination) run(command *cobra.Command) error {
	report, err := e.examine(command)
	if err != nil {
		return err
	}
	return conclude(command, report, e.asJSON, report)
}

func (e *examination) examine(command *cobra.Command) (doctor.Report, error) {
	switch {
	case e.timeout <= 0:
		return nil, fmt.Errorf("--timeout %s: more than 0 is wanted", e.timeout)
	case e.url != "" && e.config != "":
		return nil, errors.New("--config is about services and --cert, and not about a URL: leave one of them out")
	case e.url != "":
		return e.server(command)
	case e.ca != "":
		return nil, errors.New("--ca goes with a URL: the CAs of a client's certificate are those of its profile, see --config")
	case e.cert != "":
		return e.client()
	case e.config != "":
		return checkConfig(command, e.config, func(ctx context.Context, c *checkup) doctor.Report { return c.services(ctx) }), nil
	default:
		return nil, errors.New("nothing to examine: give the URL of a server, --cert with a client's certificate, or --config; see `intentgate doctor --help`")
	}
}

func (e *examination) server(command *cobra.Command) (doctor.Report, error) {
	config := doctor.ServerConfig{URL: e.url, Timeout: e.timeout, Now: time.Now, Progress: func(what string) { command.PrintErrln("Trying", what, "…") }}
	if e.ca != "" {
		roots, err := mtls.ReadRoots(e.ca)
		if err != nil {
			return nil, err
		}
		config.Roots = mtls.Pool(roots)
	}
	var err error
	if config.Client, err = e.pair(); err != nil {
		return nil, err
	}
	return doctor.Server(command.Context(), config)
}

// pair reads the client's certificate, if there is one.
func (e *examination) pair() (*tls.Certificate, error) {
	switch {
	case e.cert == "" && e.key == "":
		return nil, nil //nolint:nilnil // there is none
	case e.key == "" || e.cert == "":
		return nil, errors.New("to present a certificate both --cert and --key are needed")
	default:
		return mtls.ReadKeyPair(e.cert, e.key)
	}
}

func (e *examination) client() (doctor.Report, error) {
	_, profiles, err := loadProfiles(e.config)
	if err != nil {
		return nil, err
	}
	return doctor.Client(doctor.ClientConfig{Cert: e.cert, Key: e.key, Profiles: profiles, Now: time.Now})
}
