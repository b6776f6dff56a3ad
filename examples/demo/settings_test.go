package main

import (
	"strings"
	"testing"
	"time"
)

func TestFlagsOverrideEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		args []string
		env  map[string]string
		want settings
	}{
		{name: "nothing", want: settings{addr: "127.0.0.1:9464"}},
		{name: "empty variables", env: map[string]string{"ADDR": "", "DURATION": ""}, want: settings{addr: "127.0.0.1:9464"}},
		{name: "variables", env: map[string]string{"ADDR": "[::1]:9500", "DURATION": "90s"},
			want: settings{addr: "[::1]:9500", duration: 90 * time.Second}},
		{
			name: "both", args: []string{"-addr", ":1", "-duration=0"}, env: map[string]string{"ADDR": "nonsense", "DURATION": "nonsense"},
			want: settings{addr: ":1"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := newSettings(tt.args, func(name string) string { return tt.env[name] })
			if err != nil || got != tt.want {
				t.Errorf("%+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

func TestErrorNamesWrongSetting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-addr", "localhost"}, `-addr is "localhost": want host:port`},
		{[]string{"-addr", "localhost:http"}, `-addr is "localhost:http": want host:port`},
		{[]string{"-addr", "localhost:65536"}, `-addr is "localhost:65536": want host:port`},
		{[]string{"-duration", "10"}, `-duration is "10": want a time such as 10s`},
		{[]string{"-duration", "-1s"}, `-duration is "-1s": want a time such as 10s`},
		{[]string{"-port", "1"}, "flag provided but not defined: -port (-h lists the flags)"},
		{[]string{"now"}, `unknown argument "now" (-h lists the flags)`},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			t.Parallel()
			_, err := newSettings(tt.args, func(string) string { return "" })
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

func TestHelpExitsWithZero(t *testing.T) {
	t.Parallel()
	var stdout, stderr strings.Builder
	if code := run([]string{"-h"}, &stdout, &stderr); code != 0 || stdout.String() != usage || stderr.String() != "" {
		t.Errorf("exit code %d, %q, %q", code, &stdout, &stderr)
	}
}
