package pki

// Fill is fill for tests: files of a PKI have names that cannot fail half way.
func Fill(dir string, files []File) error { return fill(dir, files) }
