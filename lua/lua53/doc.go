// Package lua53 is the language core of the script machine: a compiler from
// Lua 5.3 source to Lua 5.3 bytecode, and an execution loop that runs that
// bytecode, from our compiler or from luac, on gopher-lua's values.
//
// # Values
//
// Libraries see gopher-lua's world: *glua.LTable, glua.LString,
// *glua.LFunction, *glua.LUserData, and a *glua.LState to talk through. Lua
// code runs on a [Value] of two words, so that numbers are never allocated.
// The two number subtypes of 5.3 map to LValues like this:
//
//   - an integer of at most 2^53 in magnitude is an LNumber,
//   - a float with a fraction (or above 2^53, infinite, not a number) is an
//     LNumber,
//   - a float with an integral value up to 2^53 is a [Float],
//   - an integer above 2^53 is an [Int].
//
// So an LNumber that a library returns or stores in a table is an integer if
// it is whole, which is what libraries written for gopher-lua mean; one that
// means 5.0 says Float(5). Arguments to such libraries are converted to
// LNumber; a library that wants the subtypes registers with [VM.NewNative].
//
// Tables are gopher-lua's. Integer keys are LNumbers (Int above 2^53),
// integral float keys become integers. Iteration is in order of insertion;
// libraries iterate with [VM.Next], since tables of scripts lack the index that
// gopher-lua's own Next needs.
//
// # Execution
//
// Calls from Lua to Lua, metamethods, pcall, and coroutines run in one Go
// frame of the loop: a coroutine is a stack and a list of frames, never a
// goroutine, and can yield across pcall, metamethods and iterators. Only a
// native function that calls back (table.sort, string.gsub, a library through
// LState.Call) nests another loop, and nothing yields across it, as in C.
//
// Errors travel as *glua.ApiError panics between Go frames. Goexit passes
// through everything.
//
// # Numbers
//
// A VM has 32 bit (int32, float32) or 64 bit numbers. A float32 is held as
// the float64 of the same value and rounded after each operation.
package lua53
