package sizing

import (
	"errors"
	"fmt"
)

// ErrNoRoom is what the errors of [Fleet] are, by [errors.Is], when the numbers make sense but the pools do not fit into
// the server.
var ErrNoRoom = errors.New("sizing: no room")

// Fleet is all instances of a service, each with a pool of its own, and the server that they share. A method needs only
// the fields that it calculates with.
type Fleet struct {
	// Instances is the most there are at a time: in a rolling deployment, the new ones beside the old ones.
	Instances int
	// Size and Overflow are of one pool; together they are its MaxConns.
	Size     int
	Overflow int
	// MaxConnections is the server's max_connections.
	MaxConnections int
	// Reserved is the server's superuser_reserved_connections, 3 unless changed, and reserved_connections, since
	// PostgreSQL 16: what ordinary users cannot have.
	Reserved int
	// OtherClients is what everybody else may open: other services, migrations, jobs, monitoring, people.
	OtherClients int
}

// Left returns how many connections the server has left when every pool is full. Its error is [ErrNoRoom] if the pools
// may open more than there are.
func (f Fleet) Left() (int, error) {
	room, err := f.room()
	if err := errors.Join(err, f.checkInstances(), f.checkPool()); err != nil {
		return 0, err
	}
	pool := f.Size + f.Overflow
	need := int64(f.Instances) * int64(pool)
	if need > int64(room) {
		return 0, fmt.Errorf("%w: Instances %d × (Size %d + Overflow %d) are %d connections, and the server has %d for them: enough for %d instances, or for %d connections in each",
			ErrNoRoom, f.Instances, f.Size, f.Overflow, need, room, room/pool, room/f.Instances)
	}
	return room - int(need), nil
}

// MaxInstances returns how many instances fit, each with a pool of Size and Overflow. Its error is [ErrNoRoom] if that
// is none.
func (f Fleet) MaxInstances() (int, error) {
	room, err := f.room()
	if err := errors.Join(err, f.checkPool()); err != nil {
		return 0, err
	}
	pool := f.Size + f.Overflow
	if pool > room {
		return 0, fmt.Errorf("%w: Size %d + Overflow %d are more connections than the %d that the server has for them",
			ErrNoRoom, f.Size, f.Overflow, room)
	}
	return room / pool, nil
}

// MaxPerInstance returns how many connections each instance may have at most, size and overflow together. Its error is
// [ErrNoRoom] if that is none.
func (f Fleet) MaxPerInstance() (int, error) {
	room, err := f.room()
	if err := errors.Join(err, f.checkInstances()); err != nil {
		return 0, err
	}
	if f.Instances > room {
		return 0, fmt.Errorf("%w: Instances %d are more than the %d connections that the server has for them",
			ErrNoRoom, f.Instances, room)
	}
	return room / f.Instances, nil
}

// room is what the server has for the fleet, at least 1.
func (f Fleet) room() (int, error) {
	err := errors.Join(
		within("Fleet.MaxConnections", f.MaxConnections, 1),
		within("Fleet.Reserved", f.Reserved, 0),
		within("Fleet.OtherClients", f.OtherClients, 0),
	)
	if err != nil {
		return 0, err
	}
	room := f.MaxConnections - f.Reserved - f.OtherClients
	if room < 1 {
		return 0, fmt.Errorf("%w: Reserved %d and OtherClients %d leave nothing of MaxConnections %d",
			ErrNoRoom, f.Reserved, f.OtherClients, f.MaxConnections)
	}
	return room, nil
}

func (f Fleet) checkInstances() error {
	return within("Fleet.Instances", f.Instances, 1)
}

func (f Fleet) checkPool() error {
	return errors.Join(within("Fleet.Size", f.Size, 1), within("Fleet.Overflow", f.Overflow, 0))
}
