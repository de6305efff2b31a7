// Package secretref reads secrets from where the configuration says they are: a file or an environment variable. A
// secret never stands in the configuration itself.
package secretref
