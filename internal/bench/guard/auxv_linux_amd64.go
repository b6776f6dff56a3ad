package main

import (
	"encoding/binary"
	"fmt"
	"syscall"
)

// Keys of the auxiliary vector.
const (
	auxNull   = 0
	auxIgnore = 1
	auxRandom = 25
	auxVDSO   = 33
)

// setAuxv changes the auxiliary vector, which the kernel passes to a process at its start, before the process has
// executed anything. It removes the kernel's own code for reading the clock, so that a reading is a system call: one
// instruction on every kernel and clock. It also fixes the random bytes that Go takes its hash seeds from. The place
// of a map's entries, and the cost of finding them, depends on the seed.
func (p *probe) setAuxv(seed byte) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(p.pid, &regs); err != nil {
		return fmt.Errorf("get registers: %w", err)
	}
	at := uintptr(regs.Rsp) + 8 // after argc
	for range 2 {               // the arguments, then the environment: each ends with 0
		for w := uint64(1); w != 0; at += 8 {
			var err error
			if w, err = p.peek(at); err != nil {
				return err
			}
		}
	}
	for ; ; at += 16 {
		kind, err := p.peek(at)
		if err != nil {
			return err
		}
		switch kind {
		case auxNull:
			return nil
		case auxVDSO:
			err = p.poke(at, auxIgnore, 0, 0, 0, 0, 0, 0, 0)
		case auxRandom:
			var bytes uint64
			if bytes, err = p.peek(at + 8); err == nil {
				err = p.poke(uintptr(bytes), seed, 1, 2, 3, 4, 5, 6, 7, seed, 9, 10, 11, 12, 13, 14, 15)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (p *probe) peek(at uintptr) (uint64, error) {
	var word [8]byte
	if _, err := syscall.PtracePeekData(p.pid, at, word[:]); err != nil {
		return 0, fmt.Errorf("read the stack: %w", err)
	}
	return binary.LittleEndian.Uint64(word[:]), nil
}

func (p *probe) poke(at uintptr, bytes ...byte) error {
	if _, err := syscall.PtracePokeData(p.pid, at, bytes); err != nil {
		return fmt.Errorf("write to the stack: %w", err)
	}
	return nil
}
