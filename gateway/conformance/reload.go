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

// presented returns the serial number of the certificate that the service presents to a new connection.
func (b *bench) presented(ctx context.Context, as mtls.Files) (string, error) {
	conn, err := b.as(as)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }() // nobody calls any more
	var other peer.Peer
	if err := b.health(ctx, conn, nil, grpc.Peer(&other)); err != nil {
		return "", said(err)
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
	conn, err := b.gateway()
	if err != nil {
		return "", err
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
			err = fmt.Errorf("%s after the files had changed, the old certificate is presented", time.Since(start).Round(time.Second))
		}
		return err
	})
	took := time.Since(start).Round(10 * time.Millisecond)
	goesOn := b.health(ctx, conn, nil)
	if goesOn != nil {
		goesOn = fmt.Errorf("the connection from before: %w", said(goesOn))
	}
	return all(fmt.Sprintf("presented after %s", took), spoilt, err, goesOn)
}

func authorityReload(ctx context.Context, b *bench) (string, error) {
	if b.Keys == nil {
		return "", notStarted
	}
	live, err := b.as(b.Keys.Withdrawn)
	if err != nil {
		return "", err
	}
	if err := b.health(ctx, live, nil); err != nil {
		return "", fmt.Errorf("before it was withdrawn: %w", said(err))
	}
	if err := b.Keys.withdraw(); err != nil {
		return "", err
	}
	start := time.Now()
	withdrawn := b.until(ctx, func() error {
		if _, err := b.presented(ctx, b.Keys.Withdrawn); err == nil {
			return fmt.Errorf("%s after it was withdrawn, an authority's certificate is still let in", time.Since(start).Round(time.Second))
		}
		return nil
	})
	added := b.until(ctx, func() error {
		if _, err := b.presented(ctx, b.Keys.Added); err != nil {
			return fmt.Errorf("a certificate of an authority that was added hears %w", err)
		}
		return nil
	})
	saw := fmt.Sprintf("in force after %s", time.Since(start).Round(10*time.Millisecond))
	if b.health(ctx, live, nil) == nil {
		saw += "; calls on a connection from before are still answered, until it is of age"
	} else {
		saw += "; calls on a connection from before are refused, too"
	}
	return all(saw, withdrawn, added)
}
