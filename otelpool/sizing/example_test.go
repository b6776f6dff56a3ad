package sizing_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// A service calculates the size of its pool of 15 from the metrics of its busiest hour.
func Example() {
	load := sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}
	goal := sizing.Goal{Wait: 5 * time.Millisecond, Quantile: 0.99}
	const present = 15

	size, err := load.SizeForGoal(goal)
	if err != nil {
		fmt.Println(err)
		return
	}
	now, err := load.At(present)
	if err != nil {
		fmt.Println(err) // ErrOverloaded, by errors.Is, if the pool is too small for the load
		return
	}
	fmt.Printf("%.0f of %d connections are in use on average, %.2f %% of the acquires wait\n",
		now.InUse, now.Size, 100*now.WaitProbability)
	if present > size {
		fmt.Printf("%d would do\n", size)
	}
	// Output:
	// 5 of 15 connections are in use on average, 0.02 % of the acquires wait
	// 11 would do
}

// The rule of thumb returns 6 connections, with which most callers wait.
func ExampleLoad_SizeForAverage() {
	load := sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}
	size, err := load.SizeForAverage(0.2)
	if err != nil {
		fmt.Println(err)
		return
	}
	queue, err := load.At(size)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%d connections; %.0f %% of the acquires wait\n", size, 100*queue.WaitProbability)
	// Output: 6 connections; 59 % of the acquires wait
}

// The goal is that 99 % of the acquires wait no longer than 5 ms.
func ExampleLoad_SizeForGoal() {
	load := sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}
	goal := sizing.Goal{Wait: 5 * time.Millisecond, Quantile: 0.99}
	fmt.Println(load.SizeForGoal(goal))

	load.CV = 2 // many short holds, some long ones
	fmt.Println(load.SizeForGoal(goal))
	// Output:
	// 11 <nil>
	// 12 <nil>
}

// The waits become shorter with every size up to the recommended one.
func ExampleLoad_At() {
	load := sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}
	for _, size := range []int{5, 6, 8, 11} {
		queue, err := load.At(size)
		if errors.Is(err, sizing.ErrOverloaded) {
			fmt.Println(size, "is not enough for any goal")
			continue
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%d: %.0f %% utilized, %.1f %% wait, mean %v, %.2f pending\n", size,
			100*queue.Utilization, 100*queue.WaitProbability, queue.MeanWait.Round(time.Microsecond), queue.MeanPending)
	}
	// Output:
	// 5 is not enough for any goal
	// 6: 83 % utilized, 58.8 % wait, mean 29.376ms, 2.94 pending
	// 8: 62 % utilized, 16.7 % wait, mean 2.788ms, 0.28 pending
	// 11: 45 % utilized, 1.5 % wait, mean 126µs, 0.01 pending
}

func ExampleQueue_WaitQuantile() {
	queue, err := sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}.At(6)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range []float64{0.25, 0.5, 0.99} {
		wait, err := queue.WaitQuantile(p)
		fmt.Println(p, wait.Round(time.Millisecond), err)
	}
	// Output:
	// 0.25 0s <nil>
	// 0.5 8ms <nil>
	// 0.99 204ms <nil>
}

func ExampleQueue_WaitOver() {
	queue, err := sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}.At(8)
	if err != nil {
		fmt.Println(err)
		return
	}
	late, err := queue.WaitOver(5 * time.Millisecond)
	fmt.Printf("%.1f %% wait over 5ms, %v\n", 100*late, err)
	// Output: 12.4 % wait over 5ms, <nil>
}

// Four instances, each with a pool of 5 and an overflow of 10, share a server with a nightly job that opens 20
// connections.
func ExampleFleet_Left() {
	fleet := sizing.Fleet{Instances: 4, Size: 5, Overflow: 10, MaxConnections: 100, Reserved: 3, OtherClients: 20}
	fmt.Println(fleet.Left())

	fleet.Instances = 6
	fmt.Println(fleet.Left())
	// Output:
	// 17 <nil>
	// 0 sizing: no room: Instances 6 × (Size 5 + Overflow 10) need 90 connections, but the server has only 77 for them: enough for 5 instances, or for 12 connections per instance
}

func ExampleFleet_MaxInstances() {
	fmt.Println(sizing.Fleet{Size: 5, Overflow: 10, MaxConnections: 100, Reserved: 3}.MaxInstances())
	// Output: 6 <nil>
}

func ExampleFleet_MaxPerInstance() {
	fmt.Println(sizing.Fleet{Instances: 4, MaxConnections: 100, Reserved: 3}.MaxPerInstance())
	// Output: 24 <nil>
}
