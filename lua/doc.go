// Package lua is the script machine: the part of LuatOS firmware that runs
// main.lua, with the libraries that scripts call.
//
// A [Machine] is one life of the VM. [New] prepares it on a [Board], the small
// interface through which it sees the device; [Machine.Run] boots as the
// firmware does (memory lines, sys, main) and returns an [Exit] when something
// ends it: a reboot, a cut of the power, nothing left to wait for, the end of
// the run's time, or the step budget. It knows no flash address and no chip;
// what differs between models and generations of firmware comes from
// [Firmware], and most of it from two dates, those of the core and of the Lua
// libraries.
//
// # How it is built
//
// The language is package lua53's: a compiler and a VM for Lua 5.3 on
// gopher-lua's values. Three things are decided here:
//
//   - Stopping. The VM runs on a goroutine of its own, and every end is a
//     runtime.Goexit on it. A script cannot catch that, whatever pcall, handler
//     or metamethod stands in the way, and nothing of it runs afterwards.
//     Flash calls that return flash.ErrPowerLost need no translation: after
//     every library call that could touch the flash the machine asks the board
//     whether the power is gone.
//   - Counting. The VM counts steps and hands control back at the end of a
//     slice. The count is the budget, and it makes computing cost virtual time
//     where a script computes for long without waiting.
//   - Memory. The VM counts what the scripts hold; the firmware's Lua memory is
//     the limit.
//
// Libraries are one file each: log.go, rtos.go, http.go ... They are lists of
// functions on *glua.LState, which get and return numbers of both subtypes:
// glua.LNumber, lua53.Float, lua53.Int. What a firmware does not have is nil;
// what it has and is not emulated is there and raises an error that names it
// (refused.go). The Lua files that we ship are in scripts, and [Options].Libs
// lays a user's own over them.
//
// # Time and order
//
// Nothing happens but in Board.Step: timers, network, the end of a wait. Their
// callbacks put messages into a queue that rtos.receive hands to the scripts
// one by one, on the main coroutine. So there is one order of events, and it
// is the same in every run.
//
// # Caveats
//
// Callbacks of libraries cannot yield, as in C. Memory is an estimate: values
// have the sizes that they have on the module, Lua code has none.
package lua
