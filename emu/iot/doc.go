// Package iot is the server side of an OTA: the "IoT platform" that LuatOS
// modules ask for new firmware, and the small servers that people run instead
// of it.
//
// A module asks with one GET: who I am, which project, which firmware name,
// which version. The platform answers with the upgrade file, or with a status
// of 300 and more and a tiny JSON error (iot-platform.md 2). There is no other
// feedback: the next request with a higher version is the only proof that an
// upgrade worked.
//
// The heart is [Decide], a pure function: from a [Query], a [View] of the
// store, the [Settings] and the time it computes a [Decision]: the reason, the
// firmware, a trace of the rules that were tried, and the [Effects] that the
// request has. The caller applies the effects to the [Store]. So the server,
// the tests and the explanation for people share one procedure, and asking it
// why does not change anything.
//
// What a device gets to see for a reason depends on the [AnswerSet]: the
// platform's own numbers, those of a wiki article that numbers them otherwise,
// or the bare statuses of self-made servers. The reason never depends on it.
//
// # Assumptions
//
// The platform is closed; what its documents leave open is decided here and
// can be switched where both readings exist:
//
//   - The order of the checks is that of iot-platform.md 3.8; a request that is
//     wrong in two ways may show another code on the platform (U-12).
//   - Every error has status 400 (U-2).
//   - A device is registered at its first request (U-3, [Settings]).
//   - A request without identity is logged, for the owner of the key that it has.
//     The platform logs nothing then (iot-platform.md 2.3), which helps nobody.
//   - The reported version must be three numbers; a request with another one
//     gets 27, as nothing can be newer than what is not known.
//   - The loop guard counts deliveries of one firmware within 24 hours while
//     the version does not rise (U-1); answers 43 are not counted (U-7), nor
//     are requests that resume a download with a Range.
//   - A difference package is built by package emu/iot/store from a base core
//     whose file was uploaded; it is never ready before [Settings].DiffDelay.
//     Where only the core's number is known, and always in [Mem], the uploaded
//     file is served as it is after that time. One that cannot be built is
//     answered with 44.
//   - A device that is not in a released group of a roll-out gets 27: roll-outs
//     are an addition of ours, and devices must not notice.
//   - The turnkey API (libfota3) finds a firmware whose name is the script's
//     name, or that with _LuatOS-SoC_ and the model; it answers 1 for "nothing
//     newer" and the platform's numbers otherwise (U-20).
//   - Which RDA8910 cores belong to which baseline is not published. The rule
//     against crossing baselines works on [Settings].Baselines, empty by
//     default.
//   - A device that nobody registered is refused with 25 when registration is
//     manual.
//
// Not here: the UDP protocol of 2G scripts. Accounts with passwords and storage
// are in emu/iot/store, the REST API in emu/iot/api, pages in emu/iot/web;
// [Platform] is what they share.
package iot
