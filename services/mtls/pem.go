package mtls

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// maxFile is far above any bundle of certificates, and keeps a path such as /dev/zero from filling the memory.
const maxFile = 4 << 20

// readPEM reads a file's PEM blocks. It fails for a file without any and for one whose last block is cut off, which is
// what a reader sees of a file that is being written in place.
func readPEM(path string) ([]*pem.Block, []byte, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	var blocks []*pem.Block
	rest := data
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	switch {
	case bytes.Contains(rest, []byte("-----BEGIN")):
		return nil, nil, fmt.Errorf("%s: PEM block %d is cut off or damaged; write the file anew", path, len(blocks)+1)
	case len(blocks) > 0:
		return blocks, data, nil
	case len(data) == 0:
		return nil, nil, fmt.Errorf("%s: the file is empty; write a PEM file there", path)
	case data[0] == 0x30: // an ASN.1 sequence
		return nil, nil, fmt.Errorf("%s: looks like DER where PEM is wanted; convert it, for example with openssl x509 -inform der", path)
	default:
		return nil, nil, fmt.Errorf("%s: no PEM block in the file; it has to start with a line like -----BEGIN CERTIFICATE-----", path)
	}
}

func readFile(path string) ([]byte, error) {
	if path == "" {
		return nil, errors.New("the path of a certificate, key or CA file is missing; name the file")
	}
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, withRemedy(path, err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: is a folder; name a file in it", path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, withRemedy(path, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes are too many for a PEM file; is it the right one?", path, maxFile)
	}
	return data, nil
}

func withRemedy(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w; check the path", path, fs.ErrNotExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s: %w; let this process's user read the file and enter its folder", path, fs.ErrPermission)
	default:
		return fmt.Errorf("read %s: %w", path, err)
	}
}

// ReadCertificates reads the certificates of a file, at least one, once.
func ReadCertificates(path string) ([]*x509.Certificate, error) {
	blocks, _, err := readPEM(path)
	if err != nil {
		return nil, err
	}
	return certificates(path, blocks)
}

// certificates parses the blocks of a file that is to hold certificates. A key beside them is passed over.
func certificates(path string, blocks []*pem.Block) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for i, block := range blocks {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: PEM block %d is no certificate: %w", path, i+1, err)
		}
		certs = append(certs, cert)
	}
	if len(certs) > 0 {
		return certs, nil
	}
	switch kind := blocks[0].Type; {
	case strings.HasSuffix(kind, "PRIVATE KEY"):
		return nil, fmt.Errorf("%s: holds a private key where a certificate is wanted; are the two files swapped?", path)
	case strings.HasSuffix(kind, "CERTIFICATE REQUEST"):
		return nil, fmt.Errorf("%s: holds a certificate request; use the certificate that the authority made of it", path)
	default:
		return nil, fmt.Errorf("%s: holds a PEM block of type %q where CERTIFICATE is wanted", path, kind)
	}
}

// privateKey looks for a key that can be used as it is. It does not parse it.
func privateKey(path string, blocks []*pem.Block) error {
	for _, block := range blocks {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return fmt.Errorf("%s: the key is protected by a password; store it without one, for example with openssl pkey", path)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil
		}
	}
	if blocks[0].Type == "CERTIFICATE" {
		return fmt.Errorf("%s: holds a certificate where a private key is wanted; are the two files swapped?", path)
	}
	return fmt.Errorf("%s: holds a PEM block of type %q where a private key is wanted", path, blocks[0].Type)
}
