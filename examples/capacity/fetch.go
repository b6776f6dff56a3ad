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

// newClient follows no redirects: they would take the credentials of the address somewhere else.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       requestTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// address parses the value of a flag. Its errors do not quote what may have a password in it.
func address(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%s is not an address such as http://127.0.0.1:9464/metrics", name)
	}
	return u, nil
}

// shown is the address without what may be secret: user, password, and the query.
func shown(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// fetch returns the answer of a server whatever its status.
func (w world) fetch(ctx context.Context, u *url.URL, accept string) (status int, header http.Header, body []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %w", shown(u), withoutURL(err))
	}
	request.Header.Set("Accept", accept)
	response, err := w.client.Do(request)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: %w", shown(u), withoutURL(err))
	}
	defer response.Body.Close()
	body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, nil, fmt.Errorf("%s: read the answer: %w", shown(u), err)
	}
	if len(body) > maxAnswer {
		return 0, nil, nil, fmt.Errorf("%s: the answer is longer than %d MiB", shown(u), maxAnswer>>20)
	}
	return response.StatusCode, response.Header, body, nil
}

// withoutURL drops the address that errors of net/http begin with.
func withoutURL(err error) error {
	var inner *url.Error
	if errors.As(err, &inner) {
		return inner.Err
	}
	return err
}

// excerpt makes what a server said fit for a terminal.
func excerpt(text string) string {
	const most = 200
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.TrimSpace(text))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + " ..."
	}
	return text
}
