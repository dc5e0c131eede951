// Package scriptonly has the modules of which only the scripts are emulated:
// what a core says of itself, its libraries, number width and memory. Where
// things lie in the real module's flash and what runs after reset is not here,
// so that boot code and most packages refuse by name
// ([chips.Model.ScriptOnly]). The fota library takes packages and checks them;
// only scripts of the Air8101, whose form is known, are applied.
//
// The flash is plain and the same for all models: a script image, a littlefs
// at "/" and one for fskv. That is an assumption, named plain-flash, and not
// the module's map. A family that knows the real map takes its models away
// from the list in models.go and brings its own.
package scriptonly
