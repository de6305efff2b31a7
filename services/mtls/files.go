package mtls

// Files are the PEM files of one end of the hop. Each may be replaced at any time, best by a rename.
type Files struct {
	// Cert is the own certificate, followed by its intermediates.
	Cert string
	// Key is the certificate's private key, not encrypted.
	Key string
	// CA holds the authorities whose certificates are accepted from peers.
	CA string
}
