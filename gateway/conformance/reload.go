package conformance

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/intentgate/intentgate/services/mtls"
)

// presented returns the serial number of the certificate that the service presents to a new connection of somebody.
func (b *bench) presented(ctx context.Context, to mtls.Files) (string, error) {
	conn, err := b.as(to)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // nobody calls any more
	var other peer.Peer
	if err := health(ctx, conn, nil, grpc.Peer(&other)); err != nil {
		return "", err
	}
	info, ok := other.AuthInfo.(credentials.TLSInfo)
	if !ok {
		return "", errors.New("a connection without TLS")
	}
	return info.State.PeerCertificates[0].SerialNumber.String(), nil
}

func certificateReload(ctx context.Context, b *bench) (string, error) {
	if b.Keys == nil {
		return "", notStarted
	}
	if err := b.Keys.spoil(); err != nil {
		return "", err
	}
	var spoilt error
	for range 10 { // time enough to notice
		pause(ctx, 100*time.Millisecond)
		if _, err := b.presented(ctx, b.Gateway); err != nil {
			spoilt = fmt.Errorf("with a bad new file: %w", err)
			break
		}
	}
	want, err := b.Keys.renew()
	if err != nil {
		return "", err
	}
	start := time.Now()
	err = b.until(ctx, func() error {
		got, err := b.presented(ctx, b.Gateway)
		if err == nil && got != want {
			err = fmt.Errorf("after %s the old certificate is presented", time.Since(start).Round(time.Second))
		}
		return err
	})
	took := time.Since(start).Round(10 * time.Millisecond)
	goesOn := health(ctx, b.conn, nil)
	if goesOn != nil {
		goesOn = fmt.Errorf("a connection from before: %w", goesOn)
	}
	return fmt.Sprintf("presented after %s", took), errors.Join(spoilt, err, goesOn)
}

func authorityReload(ctx context.Context, b *bench) (string, error) {
	if b.Keys == nil {
		return "", notStarted
	}
	live, err := b.as(b.Keys.Withdrawn)
	if err != nil {
		return "", err
	}
	if err := health(ctx, live, nil); err != nil {
		return "", fmt.Errorf("before it was withdrawn: %w", err)
	}
	if err := b.Keys.withdraw(); err != nil {
		return "", err
	}
	start := time.Now()
	err = b.until(ctx, func() error {
		if _, err := b.presented(ctx, b.Keys.Withdrawn); err == nil {
			return fmt.Errorf("after %s a certificate of an authority that was withdrawn is still let in", time.Since(start).Round(time.Second))
		}
		if _, err := b.presented(ctx, b.Keys.Added); err != nil {
			return fmt.Errorf("a certificate of an authority that was added: %w", err)
		}
		return nil
	})
	before := "are still answered, until it is of age"
	if health(ctx, live, nil) != nil {
		before = "are refused, too"
	}
	return fmt.Sprintf("in force after %s; calls on a connection from before %s", time.Since(start).Round(10*time.Millisecond), before), err
}
