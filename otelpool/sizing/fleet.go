package sizing

import (
	"errors"
	"fmt"
)

// ErrNoRoom matches, with [errors.Is], the error that a method of [Fleet] returns when the numbers are valid but the
// server has too few connections for the pools.
var ErrNoRoom = errors.New("sizing: no room")

// Fleet describes all instances of a service, each with its own pool, and the server that they share. A method needs
// only the fields that it uses.
type Fleet struct {
	// Instances is the maximum number of concurrent instances. In a rolling deployment it includes old and new ones.
	Instances int
	// Size and Overflow describe one pool; their sum is its MaxConns.
	Size     int
	Overflow int
	// MaxConnections is the server's max_connections.
	MaxConnections int
	// Reserved is the number of connections that ordinary users cannot have: the server's
	// superuser_reserved_connections, 3 by default, plus reserved_connections, which exists since PostgreSQL 16.
	Reserved int
	// OtherClients is the number of connections of all other clients: other services, migrations, jobs, monitoring and
	// interactive sessions.
	OtherClients int
}

// Left returns the number of connections that the server has left when every pool is full. The error is [ErrNoRoom] if
// the pools may open more than the server has.
func (f Fleet) Left() (int, error) {
	room, err := f.room()
	if err := errors.Join(err, f.checkInstances(), f.checkPool()); err != nil {
		return 0, err
	}
	pool := f.Size + f.Overflow
	need := int64(f.Instances) * int64(pool)
	if need > int64(room) {
		return 0, fmt.Errorf("%w: Instances %d × (Size %d + Overflow %d) need %d connections, but the server has only %d for them: enough for %d instances, or for %d connections per instance",
			ErrNoRoom, f.Instances, f.Size, f.Overflow, need, room, room/pool, room/f.Instances)
	}
	return room - int(need), nil
}

// MaxInstances returns the maximum number of instances, each with a pool of Size and Overflow. The error is [ErrNoRoom]
// if not even one fits.
func (f Fleet) MaxInstances() (int, error) {
	room, err := f.room()
	if err := errors.Join(err, f.checkPool()); err != nil {
		return 0, err
	}
	pool := f.Size + f.Overflow
	if pool > room {
		return 0, fmt.Errorf("%w: Size %d + Overflow %d is more than the %d connections that the server has for them",
			ErrNoRoom, f.Size, f.Overflow, room)
	}
	return room / pool, nil
}

// MaxPerInstance returns the maximum number of connections for each instance, size and overflow together. The error is
// [ErrNoRoom] if it would be 0.
func (f Fleet) MaxPerInstance() (int, error) {
	room, err := f.room()
	if err := errors.Join(err, f.checkInstances()); err != nil {
		return 0, err
	}
	if f.Instances > room {
		return 0, fmt.Errorf("%w: Instances %d is more than the %d connections that the server has for them",
			ErrNoRoom, f.Instances, room)
	}
	return room / f.Instances, nil
}

// room returns the number of connections that the server has for the fleet, at least 1.
func (f Fleet) room() (int, error) {
	err := errors.Join(
		checkRange("Fleet.MaxConnections", f.MaxConnections, 1),
		checkRange("Fleet.Reserved", f.Reserved, 0),
		checkRange("Fleet.OtherClients", f.OtherClients, 0),
	)
	if err != nil {
		return 0, err
	}
	room := f.MaxConnections - f.Reserved - f.OtherClients
	if room < 1 {
		return 0, fmt.Errorf("%w: Reserved %d and OtherClients %d use up MaxConnections %d",
			ErrNoRoom, f.Reserved, f.OtherClients, f.MaxConnections)
	}
	return room, nil
}

func (f Fleet) checkInstances() error {
	return checkRange("Fleet.Instances", f.Instances, 1)
}

func (f Fleet) checkPool() error {
	return errors.Join(checkRange("Fleet.Size", f.Size, 1), checkRange("Fleet.Overflow", f.Overflow, 0))
}
