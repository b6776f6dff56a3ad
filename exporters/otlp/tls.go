package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// resolveTLS returns how to connect to e: with a nil config in plain text.
// Settings that contradict each other on that are an error, because guessing
// wrong sends headers, and the tokens in them, in plain text.
func (c config) resolveTLS(e endpoint) (*tls.Config, error) {
	switch {
	case c.insecure && c.tls != nil:
		return nil, errors.New("WithInsecure and WithTLSConfig contradict each other: want one of them")
	case c.insecure && e.security == securityTLS:
		return nil, fmt.Errorf("WithInsecure contradicts %s, which is https: want http, or no WithInsecure", e.source)
	case c.tls != nil && e.security == securityPlain:
		return nil, fmt.Errorf("WithTLSConfig contradicts %s, which is plain text: want https, or no WithTLSConfig", e.source)
	case c.insecure:
		return nil, nil
	case c.tls != nil:
		return c.tls, nil
	}
	if plain, err := plainText(e); plain || err != nil {
		return nil, err
	}
	return loadTLS()
}

// plainText says whether the endpoint and the environment, without an option on
// it, ask for plain text.
func plainText(e endpoint) (bool, error) {
	files := tlsVariable()
	reason := e.source
	switch {
	case e.security == securityTLS:
		return false, nil
	case e.security == securityPlain && e.byOption:
		return true, nil
	case e.security == securityOpen && e.source == "":
		// The specification's default endpoint is plain text.
		return !files.isSet(), nil
	case e.security == securityOpen:
		v := lookupOTLP("INSECURE")
		if insecure, err := v.flag(); !insecure || err != nil {
			return false, err
		}
		reason = v.name
	}
	if files.isSet() {
		return false, fmt.Errorf("%s contradicts %s, which asks for plain text: want one of them", files.name, reason)
	}
	return true, nil
}

// tlsVariable returns one of the variables in force that name a TLS file.
func tlsVariable() variable {
	for _, setting := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		if v := lookupOTLP(setting); v.isSet() {
			return v
		}
	}
	return variable{}
}

// loadTLS reads the TLS files of the environment. Without any, the system's
// certificate authorities are trusted.
func loadTLS() (*tls.Config, error) {
	config := &tls.Config{}
	if ca := lookupOTLP("CERTIFICATE"); ca.isSet() {
		pem, err := os.ReadFile(ca.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ca.name, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s holds no certificate: want a PEM file", ca.name, ca.value)
		}
	}

	cert, key := lookupOTLP("CLIENT_CERTIFICATE"), lookupOTLP("CLIENT_KEY")
	switch {
	case !cert.isSet() && !key.isSet():
		return config, nil
	case !key.isSet():
		return nil, fmt.Errorf("%s needs %sCLIENT_KEY too", cert.name, envPrefix)
	case !cert.isSet():
		return nil, fmt.Errorf("%s needs %sCLIENT_CERTIFICATE too", key.name, envPrefix)
	}
	pair, err := tls.LoadX509KeyPair(cert.value, key.value)
	if err != nil {
		return nil, fmt.Errorf("%s and %s: %w", cert.name, key.name, err)
	}
	config.Certificates = []tls.Certificate{pair}
	return config, nil
}
