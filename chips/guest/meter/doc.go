// Package meter prepares a WebAssembly module that nobody trusts: it reads it
// with bounds on everything and writes it again with a step counter inside.
//
// A guest must end by a count and never by a clock, or the same case would
// have two verdicts on two machines. [Instrument] therefore takes the number
// of steps away at every function entry and every loop head, as many as the
// instructions that follow until the next such place, and traps when none are
// left. Calls count their depth too: how much stack a host gives a call
// differs. Bulk memory instructions pay for their length. Both counters are
// globals that the module exports under names of [StepsGlobal] and
// [DepthGlobal]; guest code cannot reach them, since every index in it is
// checked against what the guest itself declared.
//
// What boot code has no use for, or what may behave differently on two hosts,
// is refused by name: threads, vector instructions, exceptions, tail calls,
// changing tables at run time, imports other than functions, and start
// sections. Custom sections, debug information among them, are dropped.
//
// The format is that of the WebAssembly core specification 2.0, section 5.
package meter
