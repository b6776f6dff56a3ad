package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 32 << 20 // bytes, after decompression
)

// newClient returns a client that follows no redirects, which would send the credentials of the address to another
// host.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// address parses the value of a flag. Its errors do not contain the value, which may have a password.
func address(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is not an address such as http://127.0.0.1:9464/metrics", name)
	}
	return u, nil
}

// redacted returns the address without user, password and query, which may be secret.
func redacted(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// fetch returns the response of a server with any status.
func (w environment) fetch(ctx context.Context, u *url.URL, accept string) (status int, header http.Header, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %w", redacted(u), withoutURL(err))
	}
	request.Header.Set("Accept", accept)
	response, err := w.client.Do(request)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %w", redacted(u), withoutURL(err))
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: read the answer: %w", redacted(u), err)
	}
	if len(body) > maxAnswer {
		return 0, nil, nil, fmt.Errorf("%s: the answer is longer than %d MiB", redacted(u), maxAnswer>>20)
	}
	return response.StatusCode, response.Header, body, nil
}

// withoutURL removes the address at the start of net/http's errors.
func withoutURL(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

// printable makes text of a server safe and short enough for a terminal.
func printable(text string) string {
	const maxRunes = 200
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.TrimSpace(text))
	if runes := []rune(text); len(runes) > maxRunes {
		text = string(runes[:maxRunes]) + " ..."
	}
	return text
}
