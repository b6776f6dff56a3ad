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

// settle changes what the kernel tells a process at its start, in the auxiliary vector, before the process has executed
// anything. Without the kernel's own code, reading the clock is a system call, one instruction, whatever the kernel and its
// clock. And the random bytes that Go takes its hash seeds from are not random: where the entries of a map lie differs
// from seed to seed, and with it what it takes to find them.
func (p *probe) settle(seed byte) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(p.pid, &regs); err != nil {
		return fmt.Errorf("get registers: %w", err)
	}
	at := uintptr(regs.Rsp) + 8 // after argc
	for range 2 {               // the arguments, the environment: each ends with 0
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
