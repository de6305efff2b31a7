package spiffetest_test

import (
	"context"
	"testing"

	"github.com/spiffe/go-spiffe/v2/workloadapi"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/intentgate/intentgate/services/mtls/spiffe/spiffetest"
)

// TestProtocol plays the standard's client against the fake.
func TestProtocol(t *testing.T) {
	shop, partner := spiffetest.NewDomain(t, "shop.internal"), spiffetest.NewDomain(t, "partner.example")
	api := spiffetest.New(t)
	client := dial(t, api)
	if _, err := client.FetchX509Context(t.Context()); status.Code(err) != codes.PermissionDenied {
		t.Errorf("without an identity: %v", err)
	}
	svid := shop.SVID("/orders")
	api.Issue(svid, shop, partner)
	all, err := client.FetchX509Context(t.Context())
	if err != nil || !all.DefaultSVID().Certificates[0].Equal(svid.Leaf) || all.Bundles.Len() != 2 {
		t.Errorf("SVIDs: %+v, %v", all, err)
	}
	bundles, err := client.FetchX509Bundles(t.Context())
	if err != nil || bundles.Len() != 2 || !bundles.Bundles()[0].HasX509Authority(partner.Certificate()) || !bundles.Bundles()[1].HasX509Authority(shop.Certificate()) {
		t.Errorf("bundles: %+v, %v", bundles, err)
	}

	bare := dial(t, api, workloadapi.WithDialOptions(grpc.WithStreamInterceptor(
		func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, streamer grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			return streamer(metadata.NewOutgoingContext(ctx, nil), desc, conn, method, o...)
		})))
	if _, err := bare.FetchX509Context(t.Context()); status.Code(err) != codes.InvalidArgument {
		t.Errorf("without the header: %v", err)
	}
}

func dial(t *testing.T, api *spiffetest.API, o ...workloadapi.ClientOption) *workloadapi.Client {
	t.Helper()
	client, err := workloadapi.New(t.Context(), append(o, workloadapi.WithAddr(api.Address))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}
