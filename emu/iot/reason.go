package iot

// Reason is why a request was answered as it was. It is independent of codes
// and messages, which the answer set chooses (iot-platform.md 2.4).
type Reason string

const (
	Deliver           Reason = "deliver"            // the file was sent
	NoIdentity        Reason = "no_identity"        // no imei, mac or uid
	UnknownProject    Reason = "unknown_project"    // no project has this key
	ForeignAccount    Reason = "foreign_account"    // the device belongs to another account
	ForeignProject    Reason = "foreign_project"    // the device belongs to another project of the account
	Unregistered      Reason = "unregistered"       // nobody registered the device, and registration is manual
	DeviceForbidden   Reason = "device_forbidden"   // forbidden by hand
	LoopBan           Reason = "loop_ban"           // delivered too often without effect
	UnknownFirmware   Reason = "unknown_firmware"   // no firmware of the project has this name
	FirmwareDisabled  Reason = "firmware_disabled"  // the upgrade switch is off
	NotListed         Reason = "not_listed"         // the device is not in the firmware's list
	NotRolledOut      Reason = "not_rolled_out"     // the device's turn in the roll-out has not come
	UpToDate          Reason = "up_to_date"         // nothing newer
	Downgrade         Reason = "downgrade"          // what there is, is older
	BaselineForbidden Reason = "baseline_forbidden" // RDA8910 baselines cannot be crossed
	BaseUnknown       Reason = "base_unknown"       // no difference package from this core
	BuildingDiff      Reason = "building_diff"      // the difference package is not ready yet
	ServerError       Reason = "server_error"       // the server itself failed
)

// Reasons lists all reasons.
var Reasons = []Reason{
	Deliver, NoIdentity, UnknownProject, ForeignAccount, ForeignProject, Unregistered, DeviceForbidden, LoopBan,
	UnknownFirmware, FirmwareDisabled, NotListed, NotRolledOut, UpToDate, Downgrade, BaselineForbidden, BaseUnknown, BuildingDiff,
	ServerError,
}
