// Package pki makes the certificates that it takes to run everything on one machine: those of the edge and of the hop
// behind it, a Dialogflow to be with an issuer of its ID tokens, and clients that must be refused. They are for development
// only, and their issuers' names say so.
package pki
