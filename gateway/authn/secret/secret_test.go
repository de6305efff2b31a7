package secret_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/intentgate/intentgate/gateway/authn"
	"github.com/intentgate/intentgate/gateway/authn/secret"
	gatewayv1 "github.com/intentgate/intentgate/gen/go/intentgate/gateway/v1"
)

const (
	password = "correct horse battery staple"
	key      = "zLkq6sZ6TnGk1WzX"
	other    = "another secret of 27 bytes."
)

func write(tb testing.TB, file, text string) string {
	tb.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// from says that a secret comes from a file.
func from(file string) []*gatewayv1.Secret { return []*gatewayv1.Secret{{File: file}} }

// credentials are one of Basic authentication and one of a header.
func credentials(tb testing.TB) []secret.Credential {
	tb.Helper()
	dir := tb.TempDir()
	return []secret.Credential{
		{Name: "basic", Username: "shop", Secrets: from(write(tb, dir+"/password", password+"\n")), Projects: []string{"shop"}},
		{Name: "header", Header: "x-webhook-key", Secrets: from(write(tb, dir+"/key", key+"\r\n")), Projects: []string{"shop"}},
	}
}

func set(tb testing.TB, credentials ...secret.Credential) *secret.Set {
	tb.Helper()
	s, err := secret.New(credentials)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func basic(userAndPassword string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(userAndPassword))
}

func TestVerify(t *testing.T) {
	s := set(t, credentials(t)...)
	good := basic("shop:" + password)
	for name, test := range map[string]struct {
		authorization, key []string
		want               string // the credential's name or the reason
	}{
		"basic":                     {[]string{good}, nil, "basic"},
		"basic, another case":       {[]string{"bASIC" + good[5:]}, nil, "basic"},
		"header":                    {nil, []string{key}, "header"},
		"header, of another scheme": {[]string{"Digest x"}, []string{key}, "header"},
		"basic and a wrong header":  {[]string{good}, []string{other}, "basic"},
		"header and a wrong basic":  {[]string{basic("shop:" + other)}, []string{key}, "header"},

		"nothing":                        {nil, nil, "no_credential"},
		"another scheme":                 {[]string{"Bearer " + password}, nil, "no_credential"},
		"no scheme":                      {[]string{password}, nil, "no_credential"},
		"empty Authorization":            {[]string{""}, nil, "no_credential"},
		"the right one twice":            {[]string{good, good}, nil, "credential_malformed"},
		"a right and an empty one":       {[]string{good, ""}, nil, "credential_malformed"},
		"header twice":                   {nil, []string{key, key}, "credential_malformed"},
		"header twice beside basic":      {[]string{good}, []string{key, other}, "credential_malformed"},
		"header too long":                {nil, []string{key + strings.Repeat("x", 8<<10)}, "credential_malformed"},
		"no base64":                      {[]string{"Basic shop:" + password}, nil, "credential_malformed"},
		"no password":                    {[]string{basic("shop")}, nil, "credential_malformed"},
		"scheme alone":                   {[]string{"Basic"}, nil, "credential_malformed"},
		"two spaces":                     {[]string{"Basic " + good[5:]}, nil, "credential_malformed"},
		"without padding":                {[]string{strings.TrimRight(basic("shop:"+password+"x"), "=")}, nil, "credential_malformed"},
		"line end in base64":             {[]string{good[:10] + "\n" + good[10:]}, nil, "credential_malformed"},
		"bits beyond the end":            {[]string{basic("shop:" + password)[:len(good)-2] + "V="}, nil, "credential_malformed"},
		"two credentials":                {[]string{good}, []string{key}, "credential_malformed"},
		"wrong password":                 {[]string{basic("shop:" + other)}, nil, "credential_mismatch"},
		"wrong user":                     {[]string{basic("shopp:" + password)}, nil, "credential_mismatch"},
		"no user":                        {[]string{basic(":" + password)}, nil, "credential_mismatch"},
		"empty password":                 {[]string{basic("shop:")}, nil, "credential_mismatch"},
		"the password's start":           {[]string{basic("shop:" + password[:27])}, nil, "credential_mismatch"},
		"more than the password":         {[]string{basic("shop:" + password + "\n")}, nil, "credential_mismatch"},
		"another case of the password":   {[]string{basic("shop:" + strings.ToUpper(password))}, nil, "credential_mismatch"},
		"wrong header":                   {nil, []string{other}, "credential_mismatch"},
		"empty header":                   {nil, []string{""}, "credential_mismatch"},
		"the password as the header":     {nil, []string{password}, "credential_mismatch"},
		"user and password as header":    {nil, []string{"shop:" + password}, "credential_mismatch"},
		"the header's as the password":   {[]string{basic("shop:" + key)}, nil, "credential_mismatch"},
		"both wrong":                     {[]string{basic("shop:" + other)}, []string{other}, "credential_mismatch"},
		"a wrong one of the other's own": {[]string{basic("shop:" + key)}, []string{password}, "credential_mismatch"},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{}
			if test.authorization != nil {
				header["Authorization"] = test.authorization
			}
			if test.key != nil {
				header["X-Webhook-Key"] = test.key
			}
			c, refusal := s.Verify(header)
			if refusal == nil {
				if c.Name != test.want {
					t.Errorf("taken for %s, want %s", c.Name, test.want)
				}
				return
			}
			if c != nil || refusal.Reason != authn.Reason(test.want) {
				t.Errorf("%v, want %s", refusal, test.want)
			}
			silent(t, refusal)
		})
	}
}

// silent fails for a refusal that repeats a secret, right or wrong, or has no hint.
func silent(t *testing.T, refusal *authn.Refusal) {
	t.Helper()
	for _, text := range []string{password, key, other, base64.StdEncoding.EncodeToString([]byte("shop:" + password))} {
		if strings.Contains(refusal.Error(), text) {
			t.Errorf("the refusal tells a secret: %v", refusal)
		}
	}
	if refusal.Saw == "" || refusal.Wanted == "" || secret.Hint(refusal.Reason) == "" {
		t.Errorf("no words: %+v, hint %q", refusal, secret.Hint(refusal.Reason))
	}
}

// Where no token can come, Authorization may be a header like any other, beside Basic authentication.
func TestAuthorizationAsHeader(t *testing.T) {
	all := credentials(t)
	all[1].Header = "AUTHORIZATION"
	write(t, all[1].Secrets[0].GetFile(), "Bearer "+key)
	s := set(t, all...)
	for value, want := range map[string]string{"Bearer " + key: "header", basic("shop:" + password): "basic"} {
		if c, refusal := s.Verify(http.Header{"Authorization": {value}}); refusal != nil || c.Name != want {
			t.Errorf("%s: %v, want %s", value, refusal, want)
		}
	}
	if _, refusal := s.Verify(http.Header{"Authorization": {key}}); refusal == nil || refusal.Reason != secret.Mismatch {
		t.Errorf("without its scheme: %v", refusal)
	}
	// Nobody is taken for two, even if one secret is the other's spelling.
	write(t, all[1].Secrets[0].GetFile(), basic("shop:"+password))
	if _, err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, refusal := s.Verify(http.Header{"Authorization": {basic("shop:" + password)}}); refusal == nil || refusal.Reason != secret.Malformed {
		t.Errorf("a secret of two credentials: %v", refusal)
	}
}

func TestChange(t *testing.T) {
	all := credentials(t)
	next := filepath.Join(t.TempDir(), "next")
	all[1].Secrets = append(all[1].Secrets, from(write(t, next, other))...)
	s := set(t, all...)
	good := func(value string) bool {
		c, refusal := s.Verify(http.Header{"X-Webhook-Key": {value}})
		return refusal == nil && c.Name == "header"
	}
	reload := func(want bool) {
		t.Helper()
		if changed, err := s.Reload(); err != nil || changed != want {
			t.Errorf("changed %t, %v; want %t", changed, err, want)
		}
	}
	if !good(key) || !good(other) {
		t.Error("want both while the secret is changed")
	}
	reload(false)
	write(t, all[1].Secrets[0].GetFile(), other)
	if !good(key) {
		t.Error("a secret is gone before its file was read again")
	}
	reload(true)
	if good(key) || !good(other) {
		t.Error("want the new secret alone")
	}
	// What is no good changes nothing, not even what would be good.
	write(t, all[1].Secrets[0].GetFile(), key)
	write(t, next, "")
	if changed, err := s.Reload(); err == nil || changed || good(key) || !good(other) {
		t.Errorf("changed %t, %v", changed, err)
	}
	if err := os.Remove(next); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reload(); err == nil || !good(other) {
		t.Errorf("without its file: %v", err)
	}
	write(t, next, password) // that of another credential
	if _, err := s.Reload(); err == nil || !strings.Contains(err.Error(), "the secret of credential basic, too") || !good(other) {
		t.Errorf("another's secret: %v", err)
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/folder", 0o700); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                  "it is empty",
		"\n":                                "it is empty",
		"fifteen bytes..":                   "a secret of 15 bytes; want at least 16",
		"fifteen bytes..\r\n":               "a secret of 15 bytes; want at least 16",
		strings.Repeat("x", 4097):           "larger than 4096 bytes",
		strings.Repeat("x", 4097) + "\n":    "larger than 4096 bytes",
		"one line and\nanother line":        "printable ASCII",
		"two line ends at the end\n\n":      "printable ASCII",
		"a tab\tin the secret is no good":   "printable ASCII",
		"a zero\x00in the secret":           "printable ASCII",
		"schlüssel, wie man ihn nicht kann": "printable ASCII",
		" space in front of the secret":     "without spaces around it",
		"space at the secret's end \n":      "without spaces around it",
		"\uFEFFa byte order mark":           "printable ASCII",
		"/missing":                          "no such file",
		"/folder":                           "is no file",
	} {
		file := dir + "/secret"
		if strings.HasPrefix(text, "/") {
			file = dir + text
		} else {
			write(t, file, text)
		}
		_, err := secret.New([]secret.Credential{{Name: "a", Header: "x-key", Secrets: from(file)}})
		var unfit *secret.PlaceError
		if !errors.As(err, &unfit) || unfit.Credential != 0 || unfit.Place != 0 ||
			!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), file) || len(text) > 8 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
		if !strings.HasPrefix(text, "/") && !strings.Contains(err.Error(), "openssl rand") {
			t.Errorf("%q: no remedy in %v", text, err)
		}
	}
	largest := strings.Repeat("x", 4096)
	s := set(t, secret.Credential{Name: "a", Username: strings.Repeat("u", 256), Secrets: from(write(t, dir+"/secret", largest))})
	if _, refusal := s.Verify(http.Header{"Authorization": {basic(strings.Repeat("u", 256) + ":" + largest)}}); refusal != nil {
		t.Error(refusal)
	}
}

// All that is wrong is told at once.
func TestAllProblems(t *testing.T) {
	all := credentials(t)
	write(t, all[0].Secrets[0].GetFile(), "short")
	all[1].Secrets = append(all[1].Secrets, from("/nothing/there")...)
	third := all[1]
	third.Name, third.Header = "third", "X-Third"
	_, err := secret.New(append(all, third))
	if err == nil {
		t.Fatal("no error")
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || len(joined.Unwrap()) != 4 {
		t.Fatalf("%v", err)
	}
	for i, want := range [][2]int{{0, 0}, {1, 1}, {2, 0}, {2, 1}} {
		var unfit *secret.PlaceError
		if !errors.As(joined.Unwrap()[i], &unfit) || [2]int{unfit.Credential, unfit.Place} != want {
			t.Errorf("problem %d is %v", i, joined.Unwrap()[i])
		}
	}
}

func TestCheckHeader(t *testing.T) {
	for name, good := range map[string]bool{
		"x-webhook-key": true, "authorization": true, "X-Api-Key": true, "cookie": true, "te-x": true, "hostname": true, "acceptance": true,
		"host": false, "HOST": false, "content-length": false, "Content-Type": false, "content-md5": false, "user-agent": false,
		"accept": false, "accept-language": false, "connection": false, "transfer-encoding": false, "te": false, "trailer": false,
		"intentgate-caller-bin": false, "Intentgate-X": false, "grpc-timeout": false, "GRPC-metadata-x": false, "x-forwarded-for": false,
		"proxy-authorization": false, "expect": false, "upgrade": false, "keep-alive": false,
	} {
		if err := secret.CheckHeader(name); (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
		_, err := secret.New([]secret.Credential{{Name: "a", Header: name, Secrets: from(write(t, t.TempDir()+"/s", other))}})
		if (err == nil) != good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
