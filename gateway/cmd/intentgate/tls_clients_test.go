package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// visitByGo calls with Go's own client, one connection a request.
func visitByGo(t *testing.T, v *visit) []attempt {
	t.Helper()
	config := &tls.Config{
		MinVersion: v.version, MaxVersion: v.version, ServerName: v.host, RootCAs: v.pki.EdgeCA.Pool(),
		ClientSessionCache: tls.NewLRUClientSessionCache(1),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			if v.certificate == nil {
				return &tls.Certificate{}, nil
			}
			certificate := v.certificate.TLS()
			return &certificate, nil
		},
	}
	attempts := make([]attempt, 0, v.times())
	for range v.times() {
		attempts = append(attempts, callByGo(t, v, config))
	}
	return attempts
}

func callByGo(t *testing.T, v *visit, config *tls.Config) (a attempt) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	alerted := func(err error) bool { return err != nil && strings.Contains(err.Error(), "remote error: tls:") }
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", v.hostPort())
	if err != nil {
		a.alerted = alerted(err)
		return a
	}
	defer func() { _ = conn.Close() }() // the server may have done so
	a.established = true
	request := v.request(ctx, t, esPath, esTurn(v.turn))
	request.Close = true
	// Either may be the one that finds out.
	writeErr := request.Write(conn)
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		a.alerted = alerted(writeErr) || alerted(err)
		return a
	}
	a.status = response.StatusCode
	_, err = io.Copy(io.Discard, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		t.Error(err)
	}
	return a
}

// command runs a program to its end, without the user's settings, and returns its exit status and what it wrote.
func command(t *testing.T, stdin, name string, args ...string) (status int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program(t, name), args...) //nolint:gosec // curl or openssl with what the test says
	cmd.Env = []string{"LC_ALL=C"}
	cmd.Stdin = strings.NewReader(stdin)
	combined, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, errors.Join(err, ctx.Err()), combined)
	}
	return cmd.ProcessState.ExitCode(), string(combined)
}

var curlReport = regexp.MustCompile(`=(\d+) ([0-9.]+)=`)

// visitByCurl lets one curl make all requests, since it keeps its sessions to itself.
func visitByCurl(t *testing.T, v *visit) []attempt {
	t.Helper()
	args := []string{
		"-q", "--silent", "--show-error", "--noproxy", "*", "--max-time", "25", "--http1.1",
		"--resolve", fmt.Sprintf("%s:%s:127.0.0.1", v.host, v.port()), "--cacert", v.gate.file("edge-ca.pem"),
		"--header", "Content-Type: application/json", "--header", "Connection: close", "--data-binary", esTurn(v.turn),
		"--write-out", "=%{http_code} %{time_appconnect}=",
		map[uint16]string{tls.VersionTLS12: "--tlsv1.2", tls.VersionTLS13: "--tlsv1.3"}[v.version],
		"--tls-max", map[uint16]string{tls.VersionTLS12: "1.2", tls.VersionTLS13: "1.3"}[v.version],
	}
	if v.certificate != nil {
		args = append(args, "--cert", v.credential.file+".pem", "--key", v.credential.file+".key")
	}
	for range v.times() {
		args = append(args, "https://"+v.host+":"+v.port()+esPath)
	}
	status, out := command(t, "", "curl", args...)
	const badKey, handshakeFailed = 58, 35
	if v.reason == "key_not_proven" {
		if status != badKey {
			t.Errorf("curl took a certificate with another's key: exit status %d\n%s", status, out)
		}
		return nil
	}
	// Under TLS 1.3 it depends on its version where curl notices: when it sends, when it reads, or at the end.
	if want := map[uint16][]int{tls.VersionTLS12: {handshakeFailed}, tls.VersionTLS13: {52, 55, 56}}[v.version]; v.reason != "" && !slices.Contains(want, status) {
		t.Errorf("exit status %d, want one of %d\n%s", status, want, out)
	}
	var attempts []attempt
	for _, report := range curlReport.FindAllStringSubmatch(out, -1) {
		code, _ := strconv.Atoi(report[1])
		done, _ := strconv.ParseFloat(report[2], 64)
		attempts = append(attempts, attempt{established: done > 0, alerted: strings.Contains(out, "alert"), status: code})
	}
	return attempts
}

// visitByOpenSSL hands the session on in a file.
func visitByOpenSSL(t *testing.T, v *visit) []attempt {
	t.Helper()
	session := filepath.Join(t.TempDir(), "session.pem")
	args := []string{
		"s_client", "-brief", "-ign_eof", "-connect", v.hostPort(), "-servername", v.host,
		"-CAfile", v.gate.file("edge-ca.pem"), "-verify_hostname", v.host, "-verify_return_error",
		map[uint16]string{tls.VersionTLS12: "-tls1_2", tls.VersionTLS13: "-tls1_3"}[v.version],
	}
	if file := v.credential.file; v.certificate != nil {
		args = append(args, "-cert", file+".pem", "-cert_chain", file+".pem", "-key", file+".key")
	}
	body := esTurn(v.turn)
	request := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		esPath, v.host, len(body), body)
	if v.reason == "key_not_proven" {
		if status, out := command(t, request, "openssl", args...); status == 0 || !strings.Contains(out, "key values mismatch") {
			t.Errorf("openssl took a certificate with another's key: exit status %d\n%s", status, out)
		}
		return nil
	}
	var attempts []attempt
	for i := range v.times() {
		with := args
		if v.resumed && i == 0 {
			with = append(args[:len(args):len(args)], "-sess_out", session)
		} else if v.resumed && v.reason == "" { // a refused client has got no session to come back with
			with = append(args[:len(args):len(args)], "-sess_in", session)
		}
		status, out := command(t, request, "openssl", with...)
		if (status == 0) != (v.reason == "") {
			t.Errorf("exit status %d\n%s", status, out)
		}
		a := attempt{established: strings.Contains(out, "CONNECTION ESTABLISHED"), alerted: strings.Contains(out, "SSL alert number")}
		if _, after, ok := strings.Cut(out, "HTTP/1.1 "); ok && len(after) > 3 {
			a.status, _ = strconv.Atoi(after[:3])
		}
		attempts = append(attempts, a)
	}
	return attempts
}
