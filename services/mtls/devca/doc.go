// Package devca is a certificate authority for development, demonstrations and tests.
//
// Keys are made in memory and reach a disk only where [Certificate.WriteFiles] is told to put them; the key of an
// authority never does. Nothing here is meant to issue certificates for production.
package devca
