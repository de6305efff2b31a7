package acme

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// store is a folder for what belongs to one CA: another one knows neither the account nor the certificate.
type store struct{ folder string }

const (
	accountFile     = "account.key"
	certificateFile = "certificate.pem" // the key, the leaf and its chain: one file, so that they always belong together
)

// openStore makes the folder, which nobody else may look into.
func openStore(parent, directory string) (store, error) {
	u, err := url.Parse(directory)
	if err != nil {
		return store{}, err
	}
	s := store{filepath.Join(parent, strings.ReplaceAll(u.Host, ":", "_"))}
	if err := os.MkdirAll(s.folder, 0o700); err != nil {
		return s, fmt.Errorf("edge.acme.folder: %w; want a folder that the gateway may write to", err)
	}
	return s, os.Chmod(s.folder, 0o700) //nolint:gosec // a folder
}

// accountKey reads the account's key, or makes it.
func (s store) accountKey() (crypto.Signer, error) {
	path := filepath.Join(s.folder, accountFile)
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the folder
	if errors.Is(err, fs.ErrNotExist) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, err
		}
		if data, err = encodeKey(key); err != nil {
			return nil, err
		}
		return key, s.write(accountFile, data)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block; put the key back, or remove the file for another account", path)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; put the key back, or remove the file for another account", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("%s: a key that signs nothing; put the right one back, or remove the file for another account", path)
	}
	return signer, nil
}

// readCertificate returns nil where there is none.
func (s store) readCertificate() ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(s.folder, certificateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (s store) writeCertificate(data []byte) error { return s.write(certificateFile, data) }

// write replaces a file as a whole, for the gateway's eyes only.
func (s store) write(name string, data []byte) error {
	file, err := os.CreateTemp(s.folder, ".new-*") // with mode 0600
	if err != nil {
		return fmt.Errorf("edge.acme.folder: %w", err)
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(s.folder, name))
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}
