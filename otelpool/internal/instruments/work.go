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

// work is what the holds of a unit of work have done.
type work struct {
	busy, operations, units atomic.Int64

	nested                      atomic.Int64 // acquires while it held a connection already
	inTransaction, releasedBusy atomic.Int64 // releases in a transaction, and with rows or a batch open
}

// AddNested counts an acquire by a unit of work that is op and holds a connection already.
func (op *Operation) AddNested() { op.work.nested.Add(1) }

// AddMisuse counts a release after which the connection is closed, if it was in a transaction or busy.
func (op *Operation) AddMisuse(inTransaction, busy bool) {
	if inTransaction {
		op.work.inTransaction.Add(1)
	}
	if busy {
		op.work.releasedBusy.Add(1)
	}
}

// AddWork adds what a hold did whose unit of work is op. first reports whether it was the first of its unit of work.
func (op *Operation) AddWork(busy time.Duration, operations int64, first bool) {
	if operations > 0 {
		op.work.busy.Add(int64(busy))
		op.work.operations.Add(operations)
	}
	if first {
		op.work.units.Add(1)
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
	busy, operations, units := op.work.busy.Load(), op.work.operations.Load(), op.work.units.Load()
	if operations == 0 && units == 0 { // it has named no hold yet
		return
	}
	v.AddOpen(busyTime, op.Name, busy)
	v.AddOpen(holdOperations, op.Name, operations)
	v.AddOpen(unitsOfWork, op.Name, units)
}
