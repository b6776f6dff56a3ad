package otlp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

func TestClientCertificateIsSent(t *testing.T) {
	certs := newCertificates(t)
	for _, p := range bothProtocols {
		receiver := otlptest.New(t, p.receiver, otlptest.WithTLS(certs.server))
		host := "OTEL_EXPORTER_OTLP_ENDPOINT"
		for _, tc := range []struct {
			name string
			env  map[string]string
			opts []otlp.Option
		}{
			{"files of the environment", map[string]string{
				host:                                    receiver.Endpoint(),
				"OTEL_EXPORTER_OTLP_CERTIFICATE":        certs.caFile,
				"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": certs.certFile,
				"OTEL_EXPORTER_OTLP_CLIENT_KEY":         certs.keyFile,
			}, nil},
			{"files for metrics, one of them for all signals", map[string]string{
				host:                                     receiver.Endpoint(),
				"OTEL_EXPORTER_OTLP_METRICS_CERTIFICATE": certs.caFile,
				"OTEL_EXPORTER_OTLP_CERTIFICATE":         "/no/such/file",
				"OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE": certs.certFile,
				"OTEL_EXPORTER_OTLP_CLIENT_KEY":                 certs.keyFile,
			}, nil},
			{"option instead of files", map[string]string{
				host:                             receiver.Endpoint(),
				"OTEL_EXPORTER_OTLP_CERTIFICATE": "/no/such/file",
			}, []otlp.Option{otlp.WithTLSConfig(certs.client)}},
			{"option instead of insecure", map[string]string{
				"OTEL_EXPORTER_OTLP_INSECURE": "true",
			}, []otlp.Option{otlp.WithTLSConfig(certs.client), otlp.WithEndpoint(receiver.Addr())}},
		} {
			t.Run(fmt.Sprint(p.reader, " ", tc.name), func(t *testing.T) {
				setenv(t, tc.env)
				before := len(receiver.Requests())
				wantPushed(t, receiver, append(tc.opts, otlp.WithProtocol(p.reader))...)
				if got := len(receiver.Requests()); got != before+1 {
					t.Errorf("%d requests arrived: want 1", got-before)
				}
			})
		}
	}
}

func TestUntrustedReceiverGetsNoRequest(t *testing.T) {
	t.Parallel()
	certs := newCertificates(t)
	noClientCert := certs.client.Clone()
	noClientCert.Certificates = nil
	for _, p := range bothProtocols {
		receiver := otlptest.New(t, p.receiver, otlptest.WithTLS(certs.server))
		for name, opt := range map[string]otlp.Option{
			"unknown authority":     otlp.WithTLSConfig(&tls.Config{RootCAs: x509.NewCertPool()}),
			"no client certificate": otlp.WithTLSConfig(noClientCert),
		} {
			err := push(t, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint()), noRetry, opt)
			if err == nil {
				t.Errorf("%s, %s: no error", p.reader, name)
			}
		}
		if got := receiver.Requests(); len(got) != 0 {
			t.Errorf("%s: %d requests arrived: want none", p.reader, len(got))
		}
	}
}

// certificates holds the TLS configurations of a server on 127.0.0.1 that requires a client certificate, and of its
// client. A certificate authority created for the test signs all certificates.
type certificates struct {
	server, client            *tls.Config
	caFile, certFile, keyFile string
}

func newCertificates(t *testing.T) certificates {
	t.Helper()
	ca, caKey := sign(t, nil, nil, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	server, serverKey := sign(t, ca, caKey, x509.Certificate{
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	client, clientKey := sign(t, ca, caKey, x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	pool := x509.NewCertPool()
	pool.AddCert(ca)

	keyDER, err := x509.MarshalECPrivateKey(clientKey)
	noError(t, err)
	return certificates{
		server: &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{server.Raw}, PrivateKey: serverKey}},
			ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: pool,
		},
		client: &tls.Config{
			Certificates: []tls.Certificate{{Certificate: [][]byte{client.Raw}, PrivateKey: clientKey}},
			RootCAs:      pool,
		},
		caFile:   writePEM(t, "ca.pem", "CERTIFICATE", ca.Raw),
		certFile: writePEM(t, "client.pem", "CERTIFICATE", client.Raw),
		keyFile:  writePEM(t, "client.key", "EC PRIVATE KEY", keyDER),
	}
}

// sign creates a certificate from template. It is signed by parent, or self-signed if parent is nil.
func sign(t *testing.T, parent *x509.Certificate, parentKey *ecdsa.PrivateKey, template x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	noError(t, err)
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: "otlp test"}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if parent == nil {
		parent, parentKey = &template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, parentKey)
	noError(t, err)
	cert, err := x509.ParseCertificate(der)
	noError(t, err)
	return cert, key
}

func writePEM(t *testing.T, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	noError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}
