package sizing_test

import (
	"errors"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

func TestFleetUsesEveryServerConnection(t *testing.T) {
	t.Parallel()
	const most = 262143
	for _, c := range []struct {
		fleet                    sizing.Fleet
		left, instances, perEach int // 0 with an error; left is also 0 for a full server
		noRoom                   string
	}{
		{sizing.Fleet{Instances: 4, Size: 5, Overflow: 10, MaxConnections: 100, Reserved: 3, OtherClients: 17}, 20, 5, 20, ""},
		{sizing.Fleet{Instances: 5, Size: 16, MaxConnections: 80}, 0, 5, 16, ""},
		{sizing.Fleet{Instances: 5, Size: 16, MaxConnections: 79}, 0, 4, 15,
			"sizing: no room: Instances 5 × (Size 16 + Overflow 0) need 80 connections, but the server has only 79 for them: enough for 4 instances, or for 15 connections per instance"},
		{sizing.Fleet{Instances: most, Size: most, Overflow: most, MaxConnections: most, Reserved: 1, OtherClients: 1}, 0, 0, 0,
			"sizing: no room: Instances 262143 × (Size 262143 + Overflow 262143) need 137437904898 connections, but the server has only 262141 for them: enough for 0 instances, or for 0 connections per instance"},
		{sizing.Fleet{Instances: 1, Size: 1, MaxConnections: 10, Reserved: 3, OtherClients: 7}, 0, 0, 0,
			"sizing: no room: Reserved 3 and OtherClients 7 use up MaxConnections 10"},
		{sizing.Fleet{Instances: 1, Size: 1, MaxConnections: 1, Reserved: most, OtherClients: most}, 0, 0, 0,
			"sizing: no room: Reserved 262143 and OtherClients 262143 use up MaxConnections 1"},
	} {
		left, err := c.fleet.Left()
		if left != c.left || (err != nil) != (c.noRoom != "") {
			t.Errorf("%+v: %d left, %v, want %d", c.fleet, left, err, c.left)
		}
		if err != nil && (!errors.Is(err, sizing.ErrNoRoom) || err.Error() != c.noRoom) {
			t.Errorf("got %v, want %s", err, c.noRoom)
		}
		for _, m := range []struct {
			what string
			call func() (int, error)
			want int
		}{{"MaxInstances", c.fleet.MaxInstances, c.instances}, {"MaxPerInstance", c.fleet.MaxPerInstance, c.perEach}} {
			got, err := m.call()
			if got != m.want || errors.Is(err, sizing.ErrNoRoom) != (m.want == 0) {
				t.Errorf("%+v: %s is %d, %v, want %d", c.fleet, m.what, got, err, m.want)
			}
		}
	}
}

func TestFleetNeedsOnlyFieldsItUses(t *testing.T) {
	t.Parallel()
	if got, err := (sizing.Fleet{Size: 15, MaxConnections: 100, Reserved: 3}).MaxInstances(); got != 6 || err != nil {
		t.Errorf("MaxInstances is %d, %v, want 6", got, err)
	}
	if got, err := (sizing.Fleet{Instances: 15, MaxConnections: 100, Reserved: 3}).MaxPerInstance(); got != 6 || err != nil {
		t.Errorf("MaxPerInstance is %d, %v, want 6", got, err)
	}
}
