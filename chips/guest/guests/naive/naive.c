/* naive: what one writes first. The flag is a word; it is cleared, and then
 * the download is copied over the old image. */
#include "../parts.h"

AIR_EXPORT("describe") const char *describe(void) {
    return "naive: clears the flag, then copies over the old image\nboard: GenSwap\n"
           "mistake: a cut in the copy leaves half an image and no flag\nexpect: brick\n";
}

#define FLAG 0x600DF1A6u

AIR_EXPORT("boot") i32 boot(void) {
    u32 flag;
    find_slots();
    air_read(state.chip, state.off, &flag, 4);
    if (flag == FLAG) {
        SAY(AIR_DO, "clear the flag and copy the download");
        air_erase(state.chip, state.off, SECTOR);
        for (u32 at = 0, n = image_size(&slot1); at < n; at += SECTOR)
            copy_sector(slot0.chip, slot0.off + at, slot1.chip, slot1.off + at);
        air_result(AIR_UPGRADED, 1);
    }
    return (i32)slot0.off;
}

AIR_EXPORT("updater_init") i32 updater_init(u32 where, u32 len) {
    (void)where, (void)len;
    find_slots();
    begin(&slot1);
    return 0;
}

AIR_EXPORT("updater_write") i32 updater_write(const u8 *p, u32 len) { return take(p, len); }

AIR_EXPORT("updater_done") i32 updater_done(void) { return whole() ? 0 : -1; }

AIR_EXPORT("updater_end") i32 updater_end(u32 ok) {
    u32 flag = FLAG;
    if (!ok || !whole()) return -1;
    air_erase(state.chip, state.off, SECTOR);
    air_program(state.chip, state.off, &flag, 4);
    return 0;
}
