package instruments

import (
	"sync/atomic"
	"time"
)

var (
	busyTime       = OpenKeyOf("pgxpool.busy_time")
	holdOperations = OpenKeyOf("pgxpool.hold.operations")
	unitsOfWork    = OpenKeyOf("pgxpool.units_of_work")
)

// work has the counts of the holds of a unit of work.
type work struct {
	nested                      atomic.Int64 // acquires while it already held a connection
	inTransaction, releasedBusy atomic.Int64 // releases in a transaction, and with rows or a batch open
}

// AddNested counts an acquire by the unit of work op that already holds a connection.
func (op *Operation) AddNested() { op.work.nested.Add(1) }

// AddMisuse counts a release in a transaction, or with rows or a batch open.
func (op *Operation) AddMisuse(inTransaction, busy bool) {
	if inTransaction {
		op.work.inTransaction.Add(1)
	}
	if busy {
		op.work.releasedBusy.Add(1)
	}
}

// AddWork adds the work of a hold whose unit of work is op. first reports whether it was the first hold of its unit of
// work.
func (op *Operation) AddWork(busy time.Duration, operations int64, first bool, shard uint32) {
	if operations == 0 && !first {
		return
	}
	c := op.counts.shard(shard)
	if operations > 0 {
		c.busy.Add(int64(busy))
		c.operations.Add(operations)
	}
	if first {
		c.units.Add(1)
	}
}

// AddTo adds the work of all units of work to the values of their pool.
func (o *Operations) AddTo(v *Values) {
	o.unnamed.addTo(v)
	for _, op := range (*o.byID.Load())[1:] {
		op.addTo(v)
	}
}

func (op *Operation) addTo(v *Values) {
	s := op.counts.sums()
	if s.Operations == 0 && s.Units == 0 { // it has named no hold yet
		return
	}
	v.AddOpen(busyTime, op.Name, s.Busy)
	v.AddOpen(holdOperations, op.Name, s.Operations)
	v.AddOpen(unitsOfWork, op.Name, s.Units)
}
