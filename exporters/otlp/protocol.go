package otlp

import (
	"fmt"
	"strings"
)

// Protocol is the transport of the exported metrics. Its values are those of OTEL_EXPORTER_OTLP_PROTOCOL.
type Protocol string

const (
	// ProtocolGRPC sends over gRPC.
	ProtocolGRPC Protocol = "grpc"
	// ProtocolHTTP sends protobuf bodies over HTTP. It is the default.
	ProtocolHTTP Protocol = "http/protobuf"
)

func parseProtocol(source, value string) (Protocol, error) {
	switch p := Protocol(strings.ToLower(value)); p {
	case ProtocolGRPC, ProtocolHTTP:
		return p, nil
	}
	return "", fmt.Errorf("%s is %q: want %q or %q", source, value, ProtocolGRPC, ProtocolHTTP)
}

// port returns the default port of receivers of the protocol.
func (p Protocol) port() string {
	if p == ProtocolGRPC {
		return "4317"
	}
	return "4318"
}

// Compression is the compression of request bodies. Its values are those of OTEL_EXPORTER_OTLP_COMPRESSION.
type Compression string

const (
	// CompressionNone disables compression. It is the default.
	CompressionNone Compression = "none"
	// CompressionGzip compresses bodies with gzip.
	CompressionGzip Compression = "gzip"
)

func parseCompression(source, value string) (Compression, error) {
	switch c := Compression(strings.ToLower(value)); c {
	case CompressionNone, CompressionGzip:
		return c, nil
	}
	return "", fmt.Errorf("%s is %q: want %q or %q", source, value, CompressionGzip, CompressionNone)
}
