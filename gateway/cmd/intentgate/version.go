package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/intentgate/intentgate/gateway/build"
)

func newVersionCommand() *cobra.Command {
	var asJSON, bill bool
	command := &cobra.Command{
		Use:   "version",
		Short: "Tell what this program was built from",
		Long: `Tell what this program was built from: version, commit and its time, Go's version, platform.

With --sbom it prints a software bill of materials, CycloneDX 1.6 as JSON: every module that is
in this binary, with its version and its checksum as it stands in go.sum. With --json it prints
all of that as one object.`,
		Example: `  intentgate version
  intentgate version --json | jq -r .commit
  intentgate version --sbom > intentgate.cdx.json`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			out, info := command.OutOrStdout(), build.Read()
			switch {
			case bill:
				return printJSON(out, info.SBOM())
			case asJSON:
				return printJSON(out, struct {
					build.Info

					SBOM *build.SBOM `json:"sbom"`
				}{info, info.SBOM()})
			}
			commit := cmp.Or(info.Commit, "unknown")
			if info.Modified {
				commit += ", modified"
			}
			return printTable(out, "", [][]string{
				{"version", info.Version}, {"commit", commit}, {"time", cmp.Or(info.Time, "unknown")}, {"go", info.Go}, {"platform", info.Platform},
			})
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON, the bill of materials included")
	command.Flags().BoolVar(&bill, "sbom", false, "print the bill of materials")
	command.MarkFlagsMutuallyExclusive("json", "sbom")
	return command
}
