package main

import (
	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/pki"
)

func newCertsCommand() *cobra.Command {
	var (
		out     string
		options pki.Options
		asJSON  bool
	)
	command := &cobra.Command{
		Use:   "certs --out DIR",
		Short: "Make a development PKI",
		Long: `Make a development PKI: the edge's server certificate, the certificates of the gateway and
of the example services for the hop between them, client certificates in the shape of Dialogflow's (the
SSL.com chain and the Google Trust Services chain) with their roots, and client certificates
that must be refused, each for another reason.

README.txt in the folder says what each file is for, with commands to try.`,
		Example: `  intentgate certs --out dev-certs
  intentgate certs --out dev-certs --host gateway.test --host 192.0.2.7`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			command.PrintErrln("Making keys, one of them large …")
			manifest, err := pki.Write(out, options)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(command.OutOrStdout(), manifest)
			}
			rows := make([][]string, len(manifest.Files))
			for i, file := range manifest.Files {
				rows[i] = []string{file.Path, file.Purpose}
			}
			if err := printTable(command.OutOrStdout(), "", rows); err != nil {
				return err
			}
			command.PrintErrln("Written to", manifest.Dir)
			return nil
		},
	}
	flags := command.Flags()
	flags.StringVarP(&out, "out", "o", "", "the folder to write to, which must be new or empty")
	flags.StringArrayVar(&options.Hosts, "host", nil, "another name or address of the edge; may be repeated")
	flags.BoolVar(&asJSON, "json", false, "print what was written as JSON")
	must(command.MarkFlagRequired("out"), command.MarkFlagDirname("out"))
	return command
}
