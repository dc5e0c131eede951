-- A module on the bench. It connects, asks the platform for an upgrade, restarts
-- into it, and then asks again from time to time.
PROJECT = "@PROJECT@"
VERSION = "@VERSION@"
PRODUCT_KEY = "@KEY@"

sys = require("sys")
libfota2 = require("libfota2")

log.info("main", PROJECT, VERSION, "on core", rtos.version(), rtos.bsp())

-- Cellular modules go by their IMEI, Wi-Fi modules by their MAC address.
local function identity()
    if mobile then
        return mobile.imei()
    end
    if wlan and wlan.getMac then
        return wlan.getMac()
    end
    return (mcu.unique_id():toHex())
end

local function done(result)
    log.info("main", "upgrade result", result)
    if result == 0 then
        log.info("main", "the package is stored, restarting into it")
        rtos.reboot()
    end
end

sys.taskInit(function()
    if wlan and wlan.connect then
        wlan.init()
        wlan.connect("airlift", "12345678")
    end
    sys.waitUntil("IP_READY", 30000)
    while true do
        libfota2.request(done, {imei = identity()})
        sys.wait(@SECONDS@ * 1000)
    end
end)

sys.run()
