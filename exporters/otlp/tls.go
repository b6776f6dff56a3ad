package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// resolveTLS returns the TLS configuration for e, or nil for plain text. It returns an error for contradictory
// settings, because a wrong guess would send headers, and the tokens in them, in plain text.
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

// plainText reports whether the endpoint and the environment select plain text. The caller has checked the options.
func plainText(e endpoint) (bool, error) {
	files := tlsVariable()
	reason := e.source
	switch {
	case e.security == securityTLS:
		return false, nil
	case e.security == securityPlain && e.byOption:
		return true, nil
	case e.security == securityUnset && e.source == "":
		// The default endpoint of the specification is plain text.
		return !files.isSet(), nil
	case e.security == securityUnset:
		v := lookupOTLP("INSECURE")
		if insecure, err := v.flag(); !insecure || err != nil {
			return false, err
		}
		reason = v.name
	}
	if files.isSet() {
		return false, fmt.Errorf("%s contradicts %s, which selects plain text: want one of them", files.name, reason)
	}
	return true, nil
}

// tlsVariable returns a variable that is set and names a TLS file, or the zero value.
func tlsVariable() variable {
	for _, setting := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		if v := lookupOTLP(setting); v.isSet() {
			return v
		}
	}
	return variable{}
}

// loadTLS loads the TLS files of the environment. Without a certificate file it trusts the certificate authorities of
// the system.
func loadTLS() (*tls.Config, error) {
	config := &tls.Config{}
	if ca := lookupOTLP("CERTIFICATE"); ca.isSet() {
		pem, err := os.ReadFile(ca.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", ca.name, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s: %s contains no certificate: want a PEM file", ca.name, ca.value)
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
