/* Boot code and update agent of a small board: the new image is written to
 * slot1, and boot code copies it over the old one in slot0.
 *
 * There is a mistake in it. docs/GUEST-TUTORIAL.md finds it. */
#include "airlift.h"

#define SECTOR 4096u
#define READY 0x59444552u /* the flag: slot1 holds a whole image */

static struct air_partition state, slot0, slot1;

static void find_partitions(void) {
    air_partition("state", 5, &state);
    air_partition("slot0", 5, &slot0);
    air_partition("slot1", 5, &slot1);
}

static void say(const char *text) {
    u32 n = 0;
    while (text[n]) n++;
    air_say(AIR_DECIDE, text, n);
}

/* --- Boot code ---------------------------------------------------------- */

static u8 buffer[SECTOR];

static void copy_image(void) {
    for (u32 at = 0; at < slot0.size; at += SECTOR) {
        air_watchdog_feed();
        air_read(slot1.chip, slot1.off + at, buffer, SECTOR);
        air_erase(slot0.chip, slot0.off + at, SECTOR);
        air_program(slot0.chip, slot0.off + at, buffer, SECTOR);
    }
}

static void clear_flag(void) { air_erase(state.chip, state.off, SECTOR); }

AIR_EXPORT("boot") i32 boot(void) {
    u32 flag;
    find_partitions();
    air_read(state.chip, state.off, &flag, 4);
    if (flag == READY) {
        say("an image waits in slot1: copy it");
        clear_flag();
        copy_image();
    }
    return (i32)slot0.off;
}

/* --- Update agent ------------------------------------------------------- */

static u32 written;

AIR_EXPORT("updater_buffer") void *updater_buffer(u32 len) {
    (void)len;
    return buffer;
}

AIR_EXPORT("updater_init") i32 updater_init(u32 start, u32 len) {
    (void)start, (void)len;
    find_partitions();
    written = 0;
    return 0;
}

AIR_EXPORT("updater_write") i32 updater_write(const u8 *p, u32 len) {
    if (len > slot1.size - written) return -1;
    while (len > 0) {
        u32 n = SECTOR - written % SECTOR;
        if (n > len) n = len;
        if (written % SECTOR == 0) air_erase(slot1.chip, slot1.off + written, SECTOR);
        air_program(slot1.chip, slot1.off + written, p, n);
        written += n;
        p += n;
        len -= n;
    }
    return 0;
}

/* whole checks what is in slot1: that it begins with an image, and the CRC. */
static int whole(void) {
    struct air_image image;
    u32 sum = 0;
    air_read(slot1.chip, slot1.off, &image, sizeof image);
    if (image.magic != AIR_IMAGE_MAGIC || image.body > slot1.size - sizeof image) return 0;
    air_crc32(slot1.chip, slot1.off + sizeof image, image.body, &sum);
    return sum == image.body_crc;
}

AIR_EXPORT("updater_done") i32 updater_done(void) { return whole() ? 0 : -1; }

AIR_EXPORT("updater_end") i32 updater_end(u32 ok) {
    u32 flag = READY;
    if (!ok || !whole()) return -1;
    air_erase(state.chip, state.off, SECTOR);
    air_program(state.chip, state.off, &flag, 4);
    return 0;
}
