package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/intentgate/intentgate/gateway/child"
	"github.com/intentgate/intentgate/gateway/conversation"
	"github.com/intentgate/intentgate/gateway/pki"
	intentgatev1 "github.com/intentgate/intentgate/gen/go/intentgate/v1"
	loyaltyv1 "github.com/intentgate/intentgate/gen/go/shop/loyalty/v1"
	paymentsv1 "github.com/intentgate/intentgate/gen/go/shop/payments/v1"
	storesv1 "github.com/intentgate/intentgate/gen/go/shop/stores/v1"
)

// neighbour is an example service in another language: a process of its own, of what make has prepared in a checkout.
type neighbour struct {
	name, language string
	contract       protoreflect.FileDescriptor
	by             []string // what runs the file; none: it runs by itself
	file           string   // in the checkout
	needs          string   // what it takes, and the command that prepares it

	command []string // nil: it is left out, since
	missing string
	// descriptors is what the service tells of its methods, asked once.
	descriptors func() ([]byte, error)
}

// findNeighbours looks for what there is in the checkout that the working directory is in. Processes live as long as ctx.
func findNeighbours(ctx context.Context) []*neighbour {
	all := []*neighbour{
		{
			name: "stores", language: "Python", contract: storesv1.File_shop_stores_v1_store_service_proto,
			file: ".venv/bin/stores", needs: "Python 3.11 and its environment: make python",
		},
		{
			name: "loyalty", language: "TypeScript", contract: loyaltyv1.File_shop_loyalty_v1_loyalty_service_proto,
			by: []string{"node"}, file: "services/loyalty/dist/main.js", needs: "Node.js 20 and a build: make typescript",
		},
		{
			name: "payments", language: "Java", contract: paymentsv1.File_shop_payments_v1_payment_service_proto,
			by:   []string{"java", "-XX:TieredStopAtLevel=1", "-jar"}, // which starts in half the time
			file: "services/payments/target/payments.jar", needs: "Java 17, Maven and a build: make java",
		},
	}
	root := checkout()
	for _, n := range all {
		n.missing = "needs " + n.needs
		if root == "" {
			n.missing = "is run in a checkout of IntentGate"
			continue
		}
		command := append(n.by, filepath.Join(root, n.file))
		if _, err := os.Stat(command[len(command)-1]); err != nil {
			continue
		}
		if _, err := exec.LookPath(command[0]); err == nil {
			n.command, n.missing = command, ""
		}
		n.descriptors = sync.OnceValues(func() ([]byte, error) { return n.describe(ctx) })
	}
	return all
}

// checkout returns the root of the checkout of IntentGate that the working directory is in; empty: it is in none.
func checkout() string {
	dir, err := os.Getwd()
	for err == nil {
		module, _ := os.ReadFile(filepath.Join(dir, "go.mod")) //nolint:gosec // of the folders above
		if strings.HasPrefix(string(module), "module github.com/intentgate/intentgate\n") {
			return dir
		}
		if filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	return ""
}

// answers says whether the service is asked in a turn of a conversation.
func (n *neighbour) answers(c *conversation.Conversation, turn *conversation.Turn) bool {
	names := c.Names(turn)
	for i := range n.contract.Services().Len() {
		methods := n.contract.Services().Get(i).Methods()
		for j := range methods.Len() {
			intent, _ := proto.GetExtension(methods.Get(j).Options(), intentgatev1.E_Intent).(*intentgatev1.IntentOptions)
			if slices.ContainsFunc(slices.Concat(intent.GetDisplayName(), intent.GetAction(), intent.GetTag()), func(s string) bool { return slices.Contains(names, s) }) {
				return true
			}
		}
	}
	return false
}

func (n *neighbour) describe(ctx context.Context) ([]byte, error) {
	dir, err := os.MkdirTemp("", "intentgate-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left of it is no harm
	file := filepath.Join(dir, n.name+".binpb")
	command := exec.CommandContext(ctx, n.command[0], append(n.command[1:], "--descriptors", file)...) //nolint:gosec // of the checkout
	if said, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s does not tell of its methods: %w; it said:\n%s", n.name, err, said)
	}
	return os.ReadFile(file) //nolint:gosec // written just now
}

// neighbour starts a service, and returns its address when it listens. It keeps what it has to keep in the folder, and its log.
func (e *embedded) neighbour(ctx context.Context, n *neighbour) (address string, err error) {
	descriptors, err := n.descriptors()
	if err == nil {
		err = os.WriteFile(filepath.Join(e.dir, n.name+".binpb"), descriptors, 0o600)
	}
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(e.dir, n.name+".log"))
	if err != nil {
		return "", err
	}
	listening := &announcement{to: log, address: make(chan string, 1)}
	process, err := child.Start(e.dir, listening, n.command[0], append(n.command[1:],
		"--listen", "127.0.0.1:0", "--cert", e.cert(n.name+".pem"), "--key", e.cert(n.name+".key"), "--ca", e.cert(pki.InternalCA),
		"--assert", "dns:"+pki.GatewayName, "--allow", "dns:"+pki.CallCenterName)...)
	if err != nil {
		return "", errors.Join(err, log.Close())
	}
	const patience = time.Minute // of those who wait for the start on a busy machine, and 10 s for the end
	select {
	case address = <-listening.address:
	case <-process.Ended():
		err = fmt.Errorf("%s has ended: %w", n.name, process.Died())
	case <-time.After(patience):
		err = fmt.Errorf("%s does not listen after %s; it said:\n%s", n.name, patience, process.Said())
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		process.Close()
		return "", errors.Join(err, log.Close())
	}
	e.group.Go(func() (err error) {
		defer func() { err = errors.Join(err, log.Close()) }()
		select {
		case <-ctx.Done():
			process.End(patience / 6)
			return nil
		case <-process.Ended():
			process.Close()
			return fmt.Errorf("%s has ended: %w", n.name, process.Died())
		}
	})
	return address, nil
}

// announcement finds in a log where a service listens, in the line with which those of all languages say so.
type announcement struct {
	to      io.Writer
	address chan string // takes it
	found   bool
	text    []byte // until it is found
}

var listens = regexp.MustCompile(`(?m)^.*msg=Listening .*\baddress=(\S+)\n`)

// Write hands on what is written.
func (a *announcement) Write(text []byte) (int, error) {
	if !a.found {
		a.text = append(a.text, text...)
		if line := listens.FindSubmatch(a.text); line != nil {
			a.address <- string(line[1])
			a.found, a.text = true, nil
		}
	}
	return a.to.Write(text)
}
