package poolstate

// Stat is the pool's own statistics at one moment.
type Stat struct {
	Acquired, Idle, Constructing, Max int64 // connections
	LifetimeDestroyed, IdleDestroyed  int64 // connections closed since the start
}

// full reports whether no slot is free.
func (s Stat) full() bool { return s.Idle == 0 && s.Acquired+s.Constructing >= s.Max }
