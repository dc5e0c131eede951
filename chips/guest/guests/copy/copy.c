/* copy: one slot that runs and one for the download, which is copied over the
 * old image. There is no way back, but a cut at any place is made good: the
 * download stays as it is until the copy is whole. */
#include "../parts.h"

#ifndef DESCRIPTION
#define DESCRIPTION "copy: the download is copied over the old image"
#endif

AIR_EXPORT("describe") const char *describe(void) { return DESCRIPTION "\nboard: GenSwap\n"; }

enum { DONE = 1, PENDING };

static void copy(u32 bytes) {
    for (u32 at = 0; at < bytes; at += SECTOR) {
        copy_sector(slot0.chip, slot0.off + at, slot1.chip, slot1.off + at);
#ifdef ONLY_COPY
        air_erase(slot1.chip, slot1.off + at, SECTOR); /* makes room for the next download */
#endif
    }
}

/* pending reports whether a download waits, and its size. */
static int pending(u32 *bytes) {
#ifdef NO_VERIFY
    struct air_image staged, runs;
    if (!header_ok(&slot1, &staged)) return 0;
    *bytes = sizeof staged + staged.body;
    return !header_ok(&slot0, &runs) || runs.header_crc != staged.header_crc;
#else
    struct record r;
    last_record(&r);
    *bytes = r.a;
    return r.what == PENDING;
#endif
}

AIR_EXPORT("boot") i32 boot(void) {
    u32 bytes;
    find_slots();
    if (pending(&bytes)) {
        SAY(AIR_DO, "copy the download over the old image");
        copy(bytes > slot0.size ? slot0.size : bytes);
        add_record(DONE, 0, 0, 0);
        air_result(AIR_UPGRADED, 1);
    }
    return (i32)slot0.off;
}

AIR_EXPORT("updater_init") i32 updater_init(u32 where, u32 len) {
    (void)where, (void)len;
    find_slots();
#ifdef FLAG_FIRST
    add_record(PENDING, slot1.size, 0, 0);
#endif
    begin(&slot1);
    return 0;
}

AIR_EXPORT("updater_write") i32 updater_write(const u8 *p, u32 len) { return take(p, len); }

AIR_EXPORT("updater_done") i32 updater_done(void) { return whole() ? 0 : -1; }

AIR_EXPORT("updater_end") i32 updater_end(u32 ok) {
    if (!ok || !whole()) return -1;
    add_record(PENDING, image_size(&slot1), 0, 0);
    failed = 1;
    return 0;
}
