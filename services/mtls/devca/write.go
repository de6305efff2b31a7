package devca

import "os"

// WriteFiles writes the chain and the key as PEM files, each swapped in by a rename, so that no reader finds half a
// file. The key comes first and is readable by its owner only. Between the two renames a reader may find a new key
// beside an old certificate: it has to compare them.
func (c *Certificate) WriteFiles(cert, key string) error {
	if err := writeFile(key, c.KeyPEM(), 0o600); err != nil {
		return err
	}
	return writeFile(cert, c.CertPEM(), 0o644)
}

// WriteFile writes the authority's own certificate as a PEM file, swapped in by a rename.
func (a *Authority) WriteFile(cert string) error {
	return writeFile(cert, a.CertPEM(), 0o644)
}

func writeFile(path string, data []byte, mode os.FileMode) error {
	temp := path + ".new"
	if err := os.WriteFile(temp, data, mode); err != nil {
		return err
	}
	return os.Rename(temp, path)
}
