// Package fetch requests pages of a service. Its errors omit the user, password and query of an address, which may be
// secret.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// NewClient returns a client that follows no redirects, which would send the credentials of the address to another
// host.
func NewClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Address parses the value of a flag.
func Address(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is not an address such as http://127.0.0.1:9464/", name)
	}
	return u, nil
}

// Redacted returns the address without user, password and query.
func Redacted(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// Get returns the response of a server with any status, of at most limit bytes after decompression.
func Get(ctx context.Context, client *http.Client, u *url.URL, accept string, limit int64) (status int, body []byte, err error) {
	fail := func(err error) (int, []byte, error) {
		if inner, ok := errors.AsType[*url.Error](err); ok { // its text begins with the address
			err = inner.Err
		}
		return 0, nil, fmt.Errorf("%s: %w", Redacted(u), err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return fail(err)
	}
	request.Header.Set("Accept", accept)
	response, err := client.Do(request)
	if err != nil {
		return fail(err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return fail(fmt.Errorf("read the answer: %w", err))
	}
	if int64(len(body)) > limit {
		return fail(fmt.Errorf("the answer is longer than %d MiB", limit>>20))
	}
	return response.StatusCode, body, nil
}
