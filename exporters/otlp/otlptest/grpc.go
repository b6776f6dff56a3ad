package otlptest

import (
	"context"
	"net"
	"net/http"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	_ "google.golang.org/grpc/encoding/gzip" // registers the decompressor
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
)

// newGRPCServer returns a function that serves until stop is called.
func (r *Receiver) newGRPCServer() (serve func(net.Listener), stop func()) {
	opts := []grpc.ServerOption{grpc.StatsHandler(encodingHandler{})}
	if r.tls != nil {
		opts = append(opts, grpc.Creds(credentials.NewTLS(r.tls)))
	}
	server := grpc.NewServer(opts...)
	colmetricspb.RegisterMetricsServiceServer(server, metricsService{receiver: r})
	return func(listener net.Listener) { _ = server.Serve(listener) }, server.Stop
}

type metricsService struct {
	colmetricspb.UnimplementedMetricsServiceServer
	receiver *Receiver
}

func (s metricsService) Export(
	ctx context.Context, request *colmetricspb.ExportMetricsServiceRequest,
) (*colmetricspb.ExportMetricsServiceResponse, error) {
	arrival := Request{Header: http.Header{}}
	md, _ := metadata.FromIncomingContext(ctx)
	for name, values := range md {
		for _, v := range values {
			arrival.Header.Add(name, v)
		}
	}
	if encoding, ok := ctx.Value(encodingKey{}).(*string); ok && *encoding != "identity" {
		arrival.Encoding = *encoding
	}
	if err := s.receiver.receive(arrival, request.GetResourceMetrics()); err != nil {
		return nil, err
	}
	return &colmetricspb.ExportMetricsServiceResponse{}, nil
}

type encodingKey struct{}

// encodingHandler passes the compression of a request to the service. Only a stats handler can read it from gRPC.
type encodingHandler struct{}

func (encodingHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, encodingKey{}, new(string))
}

func (encodingHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	header, ok := s.(*stats.InHeader)
	if encoding, tagged := ctx.Value(encodingKey{}).(*string); ok && tagged {
		*encoding = header.Compression
	}
}

func (encodingHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

func (encodingHandler) HandleConn(context.Context, stats.ConnStats) {}
